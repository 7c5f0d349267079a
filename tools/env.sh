# The environment that novic_ros runs in. Source it (POSIX sh, bash, zsh); it is the only place that sets these.
# `make`, .venv/bin/activate and the programs in .venv/bin source it, so nobody needs to by hand.
# NOVIC_ROOT, when set beforehand, names the checkout; otherwise it is found from this file (bash, zsh) or is the
# current directory. It is not an installer: tools/setup.sh is.

if [ -z "${NOVIC_ROOT:-}" ]; then
    if [ -n "${BASH_SOURCE:-}" ]; then
        NOVIC_ROOT=$(cd "$(dirname "${BASH_SOURCE}")/.." && pwd)
    else
        NOVIC_ROOT=$(pwd)
    fi
fi
novic_venv=$NOVIC_ROOT/.venv

case ":${PATH}:" in
    *":$novic_venv/bin:"*) ;;
    *) PATH=$novic_venv/bin:$PATH; export PATH ;;
esac

# ROS finds packages (ours, and with the ROS wheels all of them) under these prefixes.
case ":${AMENT_PREFIX_PATH:-}:" in
    *":$novic_venv:"*) ;;
    *) AMENT_PREFIX_PATH=$novic_venv${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}; export AMENT_PREFIX_PATH ;;
esac

# Fast DDS loses raw camera frames with its default buffers. A profile that the user chose is left alone.
# The second name is the one that Humble and Jazzy read.
novic_profile=$NOVIC_ROOT/config/fastdds_large_images.xml
if [ -f "$novic_profile" ]; then
    if [ -z "${FASTDDS_DEFAULT_PROFILES_FILE:-}${FASTRTPS_DEFAULT_PROFILES_FILE:-}" ]; then
        case "${ROS_DISTRO:-}" in
            humble | iron | jazzy) FASTRTPS_DEFAULT_PROFILES_FILE=$novic_profile; export FASTRTPS_DEFAULT_PROFILES_FILE ;;
            *) FASTDDS_DEFAULT_PROFILES_FILE=$novic_profile; export FASTDDS_DEFAULT_PROFILES_FILE ;;
        esac
    fi
fi
unset NOVIC_ROOT novic_venv novic_profile
