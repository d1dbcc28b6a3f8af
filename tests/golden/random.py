#!/usr/bin/env python3
"""Prints a transcript of random commands on few keys, to be recorded and replayed like any other (record.py).

    tests/golden/random.py --seed 7 --commands 6000 > tests/golden/commands/random.txt
    tests/golden/record.py --port 7399 tests/golden/commands/random.txt
    cargo test --no-default-features --test machines commands

The transcript in the repository is short; try other seeds and more commands when a command changes. Commands whose
replies Redis draws at random are left out, and deadlines are instants after the year 2100.
"""

import argparse
import random

# Each line is a command; a word in braces names a sort, and is replaced by one of the sort's values.
COMMANDS = """
> SET {key} {number}
> SET {key} v PXAT 5500000000000
> GET {key}
> HSET {key} {field} {number} {field} {number}
> HSET {key} {field} 1
> HMSET {key} {field} {number} {field}
> HSETNX {key} {field} {number}
> HDEL {key} {field} {field} {field}
> HDEL {key} {field}
> HGET {key} {field}
> HMGET {key} {field} {field}
> HLEN {key}
> HEXISTS {key} {field}
> HSTRLEN {key} {field}
> HINCRBY {key} {field} {number}
> HINCRBYFLOAT {key} {field} {number}
>~2 HGETALL {key}
>~ HKEYS {key}
>~ HVALS {key}
>~2 HSCAN {key} {cursor} {scan_option}
>~ HRANDFIELD {key} {whole}
>~2 HRANDFIELD {key} {whole} {values_option}
> DEL {key} {key}
> UNLINK {key}
> EXISTS {key} {key}
> TOUCH {key}
> TYPE {key}
> RENAME {key} {key}
> RENAMENX {key} {key}
> COPY {key} {key} {copy_option} {copy_option}
> COPY {key} {key} REPLACE DB 1
> EXPIREAT {key} {instant} {condition} {condition}
> EXPIREAT {key} {instant} {condition}
> PEXPIREAT {key} 6000000000000 {condition}
> EXPIRETIME {key}
> PEXPIRETIME {key}
> PERSIST {key}
> DBSIZE
>~ KEYS *
>~ KEYS {pattern}
>~ SCAN 0 COUNT 100 {type_option}
> SELECT 0
> SELECT 1
"""

SORTS = {
    "key": ["a", "b", "c", "d"],
    "field": ["f", "g", "h", "i", '""'],
    "number": ["0", "1", "-1", "100", "x", "1.5", "007", '""', "9223372036854775807", "-9223372036854775808"],
    "instant": ["5000000000", "6000000000", "7000000000", "-1", "0", "x", "9223372036854775", "9223372036854776"],
    "condition": ["", "", "", "NX", "XX", "GT", "LT", "gt", "lt", "foo"],
    "copy_option": ["", "", "", "REPLACE", "REPLACE", "DB 1", "DB 0", "DB 16", "DB x", "DB", "foo"],
    "cursor": ["0", "0", "17", "x"],
    "scan_option": ["", "COUNT 1", "COUNT 0", "MATCH ?", "MATCH", "foo"],
    "whole": ["100", "0", "x"],
    "values_option": ["WITHVALUES", "withvalues", "WITHVALUES x", "foo"],
    "type_option": ["", "TYPE hash", "TYPE string", "TYPE x"],
}


def name(dice, longest):
    """Bytes that mean something to a pattern."""
    text = "".join(dice.choice("ab-[]^\\*?c") for _ in range(dice.randint(0, longest)))
    return '"' + text.replace("\\", "\\\\") + '"'


def command(dice, templates):
    words = dice.choice(templates).split()
    filled = [
        name(dice, 8) if word == "{pattern}" else dice.choice(SORTS[word[1:-1]]) if word.startswith("{") else word
        for word in words
    ]
    return " ".join(word for word in filled if word)


def main():
    options = argparse.ArgumentParser(description="prints a transcript of random commands")
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--commands", type=int, default=1000)
    options = options.parse_args()
    dice = random.Random(options.seed)
    templates = COMMANDS.strip().splitlines()
    print(f"# Random commands: tests/golden/random.py --seed {options.seed} --commands {options.commands}")
    for _ in range(40):
        print(f"> SET {name(dice, 5)} v")
    for _ in range(options.commands // 5):
        print(f">~ KEYS {name(dice, 8)}")
    print("> FLUSHALL")
    for _ in range(options.commands):
        print("> FLUSHDB" if dice.random() < 0.003 else command(dice, templates))


if __name__ == "__main__":
    main()
