#!/usr/bin/env bash
# Makes a virtual environment a place where this checkout is installed, as colcon would, but without copies:
# edits in novic_ros/, launch/, config/, models/ and demo_photos/ count at once.
# Usage: tools/link_project.sh VENV
# It installs no dependencies (tools/setup.sh does).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$(cd "$1" && pwd)
programs="novic novic_node"

"$venv/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable "$root"

# What colcon would copy into share/: links to the checkout cannot grow old.
share=$venv/share/novic_ros
index=$venv/share/ament_index/resource_index/packages
mkdir -p "$share" "$index"
ln -sfn "$root/resource/novic_ros" "$index/novic_ros"
for entry in package.xml requirements.txt launch config models demo_photos; do
    rm -rf "${share:?}/$entry"
    ln -s "$root/$entry" "$share/$entry"
done

# `ros2 run` and launch files look for programs in lib/novic_ros. The ones in bin set the environment first, so that
# they work without activating anything.
mkdir -p "$venv/lib/novic_ros"
for program in $programs; do
    mv "$venv/bin/$program" "$venv/lib/novic_ros/$program"
    cat > "$venv/bin/$program" <<EOF
#!/bin/sh
NOVIC_ROOT='$root'
. '$root/tools/env.sh'
exec '$venv/lib/novic_ros/$program' "\$@"
EOF
    chmod +x "$venv/bin/$program"
done

mark="# environment of novic_ros"
if ! grep -q "$mark" "$venv/bin/activate"; then
    printf "\n%s\nNOVIC_ROOT='%s'\n. '%s/tools/env.sh'\n" "$mark" "$root" "$root" >> "$venv/bin/activate"
fi
