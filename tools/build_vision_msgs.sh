#!/usr/bin/env bash
# Builds interfaces/vision_msgs into a wheel and installs it into the virtual environment.
# Usage: tools/build_vision_msgs.sh VENV
# Needs the packages of requirements-ros-build.txt in VENV, and cmake, ninja and a C++ compiler.
# It is not for machines with a ROS from apt: those install the upstream vision_msgs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$(cd "$1" && pwd)
python=$venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The CMake files inside the ROS wheels name the Python and NumPy headers of the machine that built the wheels.
headers=$("$python" -c "import sysconfig; print(sysconfig.get_path('include'))")
numpy_headers=$("$python" -c "import numpy; print(numpy.get_include())")
grep -rlE '/opt/python/cp3[0-9]+-cp3[0-9]+/' "$venv/share" --include='*.cmake' | xargs -r sed -Ei \
    -e "s#/opt/python/cp3[0-9]+-cp3[0-9]+/lib/python3\.[0-9]+/site-packages/numpy/_?core/include#$numpy_headers#g" \
    -e "s#/opt/python/cp3[0-9]+-cp3[0-9]+/include/python3\.[0-9]+#$headers#g"

export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
export AMENT_PREFIX_PATH=$venv CMAKE_PREFIX_PATH=$venv
# The sources are copied, so that nothing is written into the checkout.
cp -r "$here/interfaces/vision_msgs" "$work/source"
"$python" -m pip wheel --quiet --no-build-isolation --no-deps -w "$work/dist" "$work/source"
"$python" -m pip install --quiet --no-deps --force-reinstall "$work"/dist/*.whl
