#!/usr/bin/env bash
# backup.sh <directory>: the site's PostgreSQL database and its users' files as a new directory there.
# Reads DATABASE_URL and GRADIOSESSION_DATA_DIR from the environment; the site may run meanwhile.
set -euo pipefail
umask 077

target=${1:?usage: backup.sh <directory>}
url=${DATABASE_URL:?is not set} data=${GRADIOSESSION_DATA_DIR:?is not set}
# On a command line everybody on the machine could read the password.
if [[ $url =~ ^(postgres(ql)?)://([^:@/]+):([^@/]*)@(.+)$ ]]; then
    url="${BASH_REMATCH[1]}://${BASH_REMATCH[3]}@${BASH_REMATCH[5]}"
    PGPASSWORD=$(printf '%b' "${BASH_REMATCH[4]//%/\\x}")
    export PGPASSWORD
elif [[ ! $url =~ ^postgres(ql)?:// ]]; then
    echo "DATABASE_URL names no PostgreSQL database." >&2
    exit 2
fi

name="gradiosession-$(date -u +%Y%m%dT%H%M%SZ)"
# What has its final name is complete.
unfinished=$(mktemp -d "$target/.unfinished.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
pg_dump --dbname="$url" --format=custom --no-owner --no-privileges --file="$unfinished/database.dump"
# Without the sockets of running processes. Status 1: a file has changed or gone while it was read.
tar --create --gzip --file="$unfinished/files.tar.gz" --directory="$data" --exclude=./cluster . || [ $? -eq 1 ]
(cd "$unfinished" && sha256sum database.dump files.tar.gz > SHA256SUMS)
mv -T "$unfinished" "$target/$name"
trap - EXIT
echo "$target/$name"
