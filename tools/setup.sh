#!/usr/bin/env bash
# Makes .venv ready: apt packages, PyTorch, libraries, ROS messages, and this project itself.
# Usage: tools/setup.sh [demo|dev|train]   ("dev", the default, also needs what tests read, "train" what makes novic_mini)
#   PYTHON  the Python to use (default: the one used last time, then python3)
#   TORCH   what to give pip for PyTorch (default: the same as last time, then a pinned release that comes without CUDA
#           where such a build is at hand, or the newest where an NVIDIA GPU is found)
# Every step leaves a stamp, the hash of what it read, in .venv/.novic; a step whose stamp still fits is skipped.
# It does not set the environment that programs run in: tools/env.sh does.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
purpose=${1:-dev}
venv=$root/.venv
stamps=$venv/.novic
distro=${ROS_DISTRO:-}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { echo "set-up: $*"; }
fail() { echo "set-up: $*" >&2; exit 1; }
# fingerprint STRING FILE_OR_FOLDER...: one hash over the string and the files' names and contents
fingerprint() { { echo "$1"; shift; find "$@" -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-64; }
recall() { cat "$stamps/$1" 2>/dev/null || echo "${2:-}"; }
fits() { [ "$(recall "$1")" = "$2" ]; }
stamp() { mkdir -p "$stamps"; echo "$2" > "$stamps/$1"; }
pip() { "$venv/bin/python" -m pip "$@"; }

PYTHON=${PYTHON:-$(recall python python3)}
TORCH=${TORCH:-$(recall torch_choice)}
everything=$(fingerprint "$root|$distro|$PYTHON|$TORCH" requirements*.txt tools interfaces package.xml setup.py setup.cfg \
    novic_ros/__init__.py)
exec 9<"${BASH_SOURCE[0]}"
flock 9  # of two calls at once, the second waits and then finds everything done
if { fits "complete-$purpose" "$everything" || { [ "$purpose" = demo ] && fits complete-dev "$everything"; }; } \
    && "$venv/bin/python" -c "" 2>/dev/null; then
    exit 0
fi

# ---- programs and packages of the operating system -----------------------------------------------------------------
export PYTHON
[ "$PYTHON" = python3 ] || "$PYTHON" -c "" 2>/dev/null \
    || fail "\"$PYTHON\" does not start. Name a Python that does, as in: make setup PYTHON=python3.11"
missing=()
while IFS='|' read -r package where probe; do
    read -r package <<<"$package"
    read -r where <<<"$where"
    case "$where" in
        wheels) [ -z "$distro" ] || continue ;;
        dev) [ "$purpose" != demo ] || continue ;;
        train) [ "$purpose" = train ] || continue ;;
    esac
    bash -c "$probe" >/dev/null 2>&1 </dev/null || missing+=("$package")
done < <(grep -v '^#' tools/apt-packages.txt)
if [ -n "$distro" ]; then  # the ROS packages of package.xml, from the distribution's own repository
    for package in $(sed -nE 's#.*<(depend|exec_depend)>([a-z0-9_]+)</.*#\2#p' package.xml); do
        found=no
        for prefix in ${AMENT_PREFIX_PATH//:/ }; do
            [ ! -e "$prefix/share/$package/package.xml" ] || found=yes
        done
        [ $found = yes ] || missing+=("ros-$distro-${package//_/-}")
    done
fi
if [ ${#missing[@]} -gt 0 ]; then
    command="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null \
        || fail "these packages are missing: ${missing[*]}. Install them and try again: sudo sh -c '$command'"
    say "installing ${missing[*]} (1 to 3 minutes)"
    log=$(mktemp)
    DEBIAN_FRONTEND=noninteractive sh -c "$command" >"$log" 2>&1 </dev/null \
        || { tail -n 20 "$log" >&2; rm -f "$log"; fail "apt-get could not install ${missing[*]}; its last words are above."; }
    rm -f "$log"
fi

# Inside an active virtual environment the Python underneath it counts; a launcher script is followed to the real one.
real_python='import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))'
base=$("$PYTHON" -c "$real_python")
version=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$base" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
    || fail "Python 3.10 or newer is needed, \"$PYTHON\" is $version. Name a newer one, as in: make setup PYTHON=python3.11"
PYTHON=$base
[ -z "$distro" ] || "$PYTHON" -c "import rclpy" 2>/dev/null \
    || fail "ROS $distro is sourced, but \"$PYTHON\" cannot import rclpy. Use that ROS's Python: make setup PYTHON=/usr/bin/python3"

# ---- the virtual environment ---------------------------------------------------------------------------------------
made_for=$(recall distro "${distro:-none}")
[ "$made_for" = "${distro:-none}" ] \
    || fail ".venv was made for ROS \"$made_for\", now it is \"${distro:-none}\". Source the same ROS, or run: make distclean"
now="$root|$PYTHON|$version"
if ! fits environment "$now" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    # An environment made by hand from the same Python is kept; one that was moved or made from another is made anew.
    found=$("$venv/bin/python" -c "$real_python" 2>/dev/null || true)
    if [ -n "$(recall environment)" ] || [ "$found" != "$PYTHON" ]; then
        say "creating .venv with Python $version${distro:+ on top of ROS $distro} (10 seconds)"
        "$PYTHON" -m venv --clear ${distro:+--system-site-packages} "$venv"
    fi
    touch "$venv/COLCON_IGNORE"
    pip install -qq --upgrade pip "setuptools>=77.0.3,<80" wheel
    stamp distro "${distro:-none}"
    stamp python "$PYTHON"
    stamp environment "$now"
fi

# ---- PyTorch first, so that nothing else pulls in another build of it --------------------------------------------------
if [ -z "$TORCH" ]; then
    if nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
        TORCH="torch torchvision"
    else
        TORCH="torch==2.13.0 torchvision==0.28.0"
    fi
fi
if ! fits torch "$TORCH"; then
    say "installing $TORCH (1 to 5 minutes)"
    # shellcheck disable=SC2086  # TORCH may hold several words
    pip install -qq $TORCH ${distro:+"numpy<2"}
    stamp torch_choice "$TORCH"
    stamp torch "$TORCH"
fi

# ---- libraries, and ROS as wheels where no ROS is sourced --------------------------------------------------------------
lists=(requirements.txt requirements-dev.txt)
[ -n "$distro" ] || lists+=(requirements-ros.txt requirements-ros-build.txt)
now=$(fingerprint "$TORCH" "${lists[@]}")
if ! fits libraries "$now"; then
    say "installing the libraries of ${lists[*]} (1 to 3 minutes)"
    constraints=$stamps/constraints.txt
    wanted=$stamps/requirements.txt
    cat "${lists[@]}" > "$wanted"
    "$venv/bin/python" -c '
from importlib.metadata import distributions
have = {d.metadata["Name"]: d.version for d in distributions()}
print("\n".join(f"{name}=={have[name]}" for name in ("torch", "torchvision") if name in have))' > "$constraints"
    if [ -n "$distro" ]; then  # compiled ROS packages want NumPy 1, and ROS brings its own OpenCV
        echo "numpy<2" >> "$constraints"
        ! "$PYTHON" -c "import cv2" 2>/dev/null || sed -i '/^opencv/d' "$wanted"
    fi
    pip install -qq -r "$wanted" -c "$constraints"
    stamp libraries "$now"
fi

# ---- vision_msgs ---------------------------------------------------------------------------------------------------
if [ -z "$distro" ]; then
    now=$(fingerprint "$venv" interfaces tools/build_vision_msgs.sh requirements-ros.txt requirements-ros-build.txt)
    if ! fits vision_msgs "$now"; then
        say "building the vision_msgs message types (1 minute)"
        log=$stamps/vision_msgs.log
        tools/build_vision_msgs.sh "$venv" >"$log" 2>&1 </dev/null \
            || { tail -n 30 "$log" >&2; fail "vision_msgs could not be built; its last words are above, all of them in $log"; }
        stamp vision_msgs "$now"
    fi
fi

# ---- this project ----------------------------------------------------------------------------------------------------
now=$(fingerprint "$root" setup.py setup.cfg package.xml novic_ros/__init__.py tools/link_project.sh)
if ! fits project "$now"; then
    say "linking novic_ros into .venv (10 seconds)"
    tools/link_project.sh "$venv"
    stamp project "$now"
fi
# PYTHON and TORCH may have been decided on the way, so the hash is taken again.
stamp "complete-$purpose" "$(fingerprint "$root|$distro|$(recall python)|$TORCH" requirements*.txt tools interfaces \
    package.xml setup.py setup.cfg novic_ros/__init__.py)"
say "done: the programs are in .venv/bin (novic, novic_node), or: . .venv/bin/activate"
