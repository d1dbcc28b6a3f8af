#!/usr/bin/env python3
"""Writes monitor.txt and transactions.txt: the output of `redis-cli monitor` while several clients use a real Redis.

    python3 tests/programs/capture.py [--redis-server PATH] [--redis-cli PATH] [FILE …]

It starts a Redis of its own on a free port of 127.0.0.1, persistence off, and stops it at the end. Clients take
turns on several connections and databases with real pauses between the steps, so that keys expire in between.
One of the clients is redis-cli, because of the commands that it sends by itself. Every step is in STEPS and TRANSACTIONS; times and ports of
the capture differ from run to run. Needs nothing but Python's standard library.
"""
import argparse, os, socket, subprocess, sys, tempfile, time

FULL = bytes(range(256))
CLI = "redis-cli"  # in place of a client's name: these lines are typed into redis-cli, in database 0

# (client, its database, [commands]) or a pause in seconds. A command is a line without quotes, or a list.
STEPS = [
    ("one", 0, ["HELLO 3", "CLIENT SETNAME one", "PING", "SET a 1", "SET a 2 EX 100", "SET a 3 KEEPTTL"]),
    ("two", 0, ["SETNX a 9", "SETNX b 9", "GET a", "INCR a", "INCRBY a 40", "DECR a", "DECRBY a 2"]),
    0.004,
    ("one", 0, ["SETEX session:1 1 x", "PSETEX session:2 300 y", "TTL session:1", "PTTL session:2"]),
    ("two", 3, ["SET a third", "HSET h f1 v1 f2 v2 f3 3", "HSETNX h f1 no", "HSETNX h f4 v4", "HGET h f1"]),
    ("three", 3, ["HMSET g x 1 y 2", "HINCRBY g x 41", "HINCRBYFLOAT g y 0.5", "HMGET g x y z", "HGETALL g"]),
    0.02,
    ("one", 0, [["SET", "binary", FULL], ["SET", b"\x00key\xff", b"\r\n"], ["APPEND", "quoted", 'say "hi" \\ it\'s'],
                ["SET", "", ""], ["SET", "two words", "a\tb\x07\x08"], ["SET", "ключ", "значение"], "STRLEN binary"]),
    ("two", 0, ["SETRANGE binary 250 tail", "GETRANGE binary 250 -1", "INCRBYFLOAT float 1.5", "INCRBYFLOAT float -3e2"]),
    (CLI, 0, ["SET cli typed", "GET cli", "FLUSHDB", "SET after-flush 1"]),
    0.35,
    ("one", 0, ["SET session:2 again PX 40 NX", "GET session:2", "EXISTS session:1 a", "DBSIZE"]),
    ("three", 0, ["MSET m1 1 m2 2 m3 3", "MSETNX m3 x m4 x", "MSETNX m4 4 m5 5", "MGET m1 m2 nothing", "KEYS m*"]),
    0.06,
    ("two", 0, ["GETSET m1 one", "GETDEL m2", "GETEX m3 PX 500", "GETEX m3 PERSIST", "GETEX m4 EX 100", "GETEX m5"]),
    ("one", 0, ["INCR session:2", "EXPIRE session:2 1", "PEXPIRE m1 30 NX", "PEXPIRE m4 200000 GT", "PERSIST m4"]),
    ("three", 3, ["EXPIRE h 1", "HDEL h f1 f2", "HEXISTS h f3", "HLEN h", "HKEYS h", "HVALS h", "HSTRLEN h f3",
                  "HRANDFIELD h 2 WITHVALUES", "HSCAN h 0", "TYPE h"]),
    0.04,
    ("two", 0, ["SET m1 back", "RENAME m1 n1", "RENAMENX n1 m3", "RENAMENX n1 n2", "COPY n2 n3", "COPY n2 a DB 5",
                "COPY m3 n3 REPLACE", "TOUCH n2 n3", "RANDOMKEY", "SCAN 0 MATCH n* COUNT 100"]),
    (CLI, 0, ["SELECT 5", "SET d:cli 'single \"quoted\"'", "FLUSHDB", "SET d:cli \"two\\nlines\""]),
    ("one", 5, ["SET e 1 EXAT {s+2}", "SET f 1 PXAT {ms+150}", "EXPIREAT d:cli {s+50}", "PEXPIREAT e {ms+90}", "EXPIRETIME e", "PEXPIRETIME e",
                "ECHO hello"]),
    1.0,
    ("two", 3, ["HINCRBY h f1 1", "TTL h", "HSET h f1 1", "DEL g nothing", "UNLINK a"]),
    ("three", 5, ["SET e 2 XX", "SET f 2 NX GET", "SET f 3 GET", "INCR f", "EXPIRE f -1", "EXPIRE f 10"]),
    # Redis refuses these, but they are a part of the program: they have no effect.
    ("one", 0, ["SET list x", "HSET list f v", "INCR list", "SET list y EX 0", "EXPIRE list nan"]),
    # MONITOR shows a script, and then its commands.
    ("two", 0, [["EVAL", "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('INCR', KEYS[1])", "1", "script", "41"]]),
    0.005,
    ("one", 0, ["INFO server", "set lower case", "FLUSHDB ASYNC", "SET last 1", "FLUSHALL", "SET after-all 1"]),
    ("three", 3, ["FLUSHDB SYNC", "SET a end PX 5"]),
    0.01,
    ("three", 3, ["INCR a"]),
]

# What MONITOR shows of transactions: those that run, those of two clients at a time, and those that do not run.
TRANSACTIONS = [
    ("one", 0, ["MULTI", "SET a 1"]),
    ("two", 0, ["SET b 1", "MULTI", "INCR b"]),
    ("one", 0, ["GET a", "SET c 1", "EXEC", "SET a 2"]),
    ("two", 0, ["SELECT 3", "SETEX b 100 x", "EXEC"]),
    ("one", 0, ["WATCH a"]),
    ("three", 0, ["SET a 3"]),
    ("one", 0, ["MULTI", "SET a 4", "EXEC", "MULTI", "SET a 5", "DISCARD"]),
    ("three", 0, ["MULTI", "NOCOMMAND", "SET a 6", "EXEC", "MULTI", "SET a 7", "RESET"]),
    ("one", 0, ["WATCH c", "MULTI", "MULTI", ["EVAL", "redis.call('SET', KEYS[1], 'x')", "1", "script"], "FLUSHDB", "SET a 8",
                "EXEC", "UNWATCH", "MULTI", "EXEC", "DEL a"]),
]
FILES = {"monitor.txt": STEPS, "transactions.txt": TRANSACTIONS}


class Client:
    """One connection."""

    def __init__(self, connect):
        self.socket = connect()
        self.db = 0

    def send(self, argv):
        parts = [part if isinstance(part, bytes) else part.encode() for part in argv]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        time.sleep(0.002)  # replies are small, are not used, and have arrived by then
        self.socket.recv(1 << 16)

    def run(self, db, commands):
        if db != self.db:
            self.send(["SELECT", str(db)])
            self.db = db
        now = int(time.time() * 1000)
        for command in commands:
            argv = command if isinstance(command, list) else command.split(" ")
            self.send([instant(part, now) if isinstance(part, str) else part for part in argv])


def instant(part, now):
    """{s+2} is the second that begins two seconds from now, {ms+90} the instant 90 ms from now."""
    if part.startswith("{ms+"):
        return str(now + int(part[4:-1]))
    return str(now // 1000 + int(part[3:-1])) if part.startswith("{s+") else part


def record(steps, port, redis_cli, output):
    connect = lambda: socket.create_connection(("127.0.0.1", port))
    monitor = subprocess.Popen([redis_cli, "-p", str(port), "monitor"], stdout=output)
    time.sleep(0.3)
    clients = {}
    for step in steps:
        if isinstance(step, float):
            time.sleep(step)
            continue
        name, db, commands = step
        if name == CLI:
            lines = "\n".join(commands) + "\n"
            subprocess.run([redis_cli, "-p", str(port)], input=lines.encode(), stdout=subprocess.DEVNULL, check=True)
        else:
            clients.setdefault(name, Client(connect)).run(db, commands)
    time.sleep(0.3)
    monitor.terminate()
    monitor.wait()


def capture(name, options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [options.redis_server, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
             "--appendonly", "no"], stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
            with open(path, "wb") as output:
                record(FILES[name], port, options.redis_cli, output)
        finally:
            server.terminate()
            server.wait()
    print(path, file=sys.stderr)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--redis-server", default="redis-server")
    options.add_argument("--redis-cli", default="redis-cli")
    options.add_argument("files", nargs="*", default=list(FILES), metavar="FILE")
    options = options.parse_args()
    for name in options.files:
        capture(name, options)


main()
