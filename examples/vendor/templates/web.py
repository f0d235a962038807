"""Pages of the interface."""
import html
import sys

VERSION = "@VERSION@"
NUMBER = @N1@


def page(*texts):
    return "\n".join(f"<p>{html.escape(text)}</p>" for text in texts)


if __name__ == "__main__":
    print(page(*sys.argv[1:]))
