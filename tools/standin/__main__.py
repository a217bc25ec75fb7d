"""Entry of the stand-in for an Ollama server: `python -m greenloop.tools.standin --help`.

It answers over a real socket with what a script file says, faults included. The script's format
is described in `script.py`, the request log in `record.py`.
"""

import sys

from greenloop.tools.standin.service import main

if __name__ == "__main__":
    sys.exit(main())
