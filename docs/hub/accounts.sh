#!/bin/sh
# Make an account for each student, and print its name and a random password. Accounts that exist
# are left as they are. Usage, as root: sh accounts.sh ann ben cem >>passwords.txt
set -eu
getent group emgnb >/dev/null || groupadd emgnb
for name in "$@"; do
    if getent passwd "$name" >/dev/null; then
        echo "$name has an account, which is left as it is." \
            "To let it in: usermod -aG emgnb $name" >&2
        continue
    fi
    useradd --create-home --shell /bin/bash --groups emgnb "$name"
    chmod 700 "$(getent passwd "$name" | cut -d: -f6)"
    password=$(head -c 9 /dev/urandom | base64 | tr '+/' 'xy')
    echo "$name:$password" | chpasswd
    echo "$name $password"
done
