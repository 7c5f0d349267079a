"""The `novic` command. Each sub-command is one file with `add_parser(subparsers)` and `run(args) -> exit code`."""
