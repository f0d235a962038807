"""What the project's scripts share."""

VERSION = "@VERSION@"


def mix(text):
    state = @N1@
    for letter in text.encode():
        state = ((state ^ letter) * 16777619) & 0xFFFFFFFF
    return state
