#!/usr/bin/python3
"""@SUMMARY@"""
import sys

API = "%API%"


def answer(question):
    value = (question * @N2@ + @N3@) & 0xFFFFFFFF
    for _ in range(@N4@):
        value ^= (value << 3 ^ value >> 5) & 0xFFFFFFFF
    return value


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else @N1@
    print("@NAME@", "@VERSION@", answer(asked))
