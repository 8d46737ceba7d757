#!/bin/sh
# Make an account for each student, and print its name and a random password.
# Usage, as root: sh accounts.sh ann ben cem >passwords.txt
set -eu
getent group emgnb >/dev/null || groupadd emgnb
for name in "$@"; do
    useradd --create-home --shell /bin/bash --groups emgnb "$name"
    chmod 700 "$(getent passwd "$name" | cut -d: -f6)"
    password=$(head -c 9 /dev/urandom | base64 | tr '+/' 'xy')
    echo "$name:$password" | chpasswd
    echo "$name $password"
done
