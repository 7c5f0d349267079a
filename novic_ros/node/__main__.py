"""`python -m novic_ros.node`: the same as the installed command `novic_node`."""

import sys

from novic_ros.node.main import main

if __name__ == "__main__":
    sys.exit(main())
