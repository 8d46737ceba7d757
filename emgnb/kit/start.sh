#!/bin/sh
# Install emgnb from this folder, without internet and admin rights, and open the notebooks.
# EMGNB_HOME names another folder than ~/emgnb; arguments are passed to `emgnb lab`.
set -eu

kit=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
home=${EMGNB_HOME:-$HOME/emgnb}
environment=$home/environment
versions=$(cat "$kit/pythons.txt")

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# On a Mac without developer tools, /usr/bin/python3 only opens a dialog.
is_a_dialog() {
    [ "$(uname -s)" = Darwin ] && [ "$(command -v "$1")" = /usr/bin/python3 ] &&
        ! xcode-select -p >/dev/null 2>&1
}

find_python() {
    for version in $versions; do
        for each in "python$version" python3 python \
            "/Library/Frameworks/Python.framework/Versions/$version/bin/python3" \
            "/opt/homebrew/bin/python$version"; do
            if command -v "$each" >/dev/null && ! is_a_dialog "$each" &&
                "$each" -c "import sys; sys.exit(not sys.version.startswith('$version.'))" 2>/dev/null; then
                printf '%s\n' "$each"
                return
            fi
        done
    done
}

check_system() {
    case "$(uname -s) $(uname -m)" in
        "Linux x86_64") system=linux ;;
        "Darwin arm64") system=macos ;;
        *) system="$(uname -s) $(uname -m)" ;;
    esac
    grep -qx "$system" "$kit/systems.txt" || fail \
        "This computer is $system, and the kit is for: $(tr '\n' ' ' <"$kit/systems.txt")" \
        "A kit for Linux on x86-64, macOS on Apple silicon and Windows is made with" \
        "    emgnb kit FOLDER --for windows macos linux"
}

set_up() {
    check_system
    python=$(find_python)
    [ -n "$python" ] || fail \
        "This kit needs Python $versions, and none was found. python3 here: $(python3 --version 2>&1 || true)" \
        "Linux: install python3 with the system's packages, or ask for a kit with your version:" \
        "    emgnb kit FOLDER --python 3.13" \
        "macOS: the installer of python.org, perhaps in the folder python of this kit. Then start again."
    if [ -e "$environment" ] && [ ! -e "$environment/pyvenv.cfg" ]; then
        fail "$environment exists and was not made by this script." \
            "Choose another folder: EMGNB_HOME=~/other sh start.sh"
    fi
    echo "Installing emgnb in $home. This takes a few minutes, and only the first time."
    mkdir -p "$home"
    # pip comes from the kit: Debian's Python has none for new environments.
    "$python" -m venv --clear --without-pip "$environment" ||
        fail "No environment could be made in $environment: the lines above say why."
    for pip in "$kit"/wheels/pip-*.whl; do :; done
    PYTHONPATH=$pip "$environment/bin/python" -P -m pip --isolated install --no-index \
        --find-links "$kit/wheels" --no-cache-dir --disable-pip-version-check --no-compile --quiet \
        --requirement "$kit/requirements.txt" ||
        fail "The installation failed: the lines above say why. It needs 1.2 GB in $home." \
            "When the reason is removed, start this script again."
    cp "$kit/version.txt" "$environment/version.txt"
}

cmp -s "$kit/version.txt" "$environment/version.txt" || set_up
mkdir -p "$home/notebooks"
unset PYTHONPATH
exec "$environment/bin/python" -P -m emgnb lab "$home/notebooks" "$@"
