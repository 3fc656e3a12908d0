#!/usr/bin/env bash
# restore.sh <backup> [--replace]: what backup.sh has written, into an empty database; with --replace
# what the database has is replaced. Files that are there already are overwritten, others stay.
# Stop the site's processes first. Reads DATABASE_URL and GRADIOSESSION_DATA_DIR from the environment.
set -euo pipefail
umask 077

backup=${1:?usage: restore.sh <backup> [--replace]}
url=${DATABASE_URL:?is not set} data=${GRADIOSESSION_DATA_DIR:?is not set}
if [[ $url =~ ^(postgres(ql)?)://([^:@/]+):([^@/]*)@(.+)$ ]]; then
    url="${BASH_REMATCH[1]}://${BASH_REMATCH[3]}@${BASH_REMATCH[5]}"
    PGPASSWORD=$(printf '%b' "${BASH_REMATCH[4]//%/\\x}")
    export PGPASSWORD
fi

(cd "$backup" && sha256sum --check --quiet SHA256SUMS)
tables=$(psql --dbname="$url" --no-psqlrc --tuples-only --no-align \
    --command="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
replace=()
if [ "$tables" -gt 0 ]; then
    if [ "${2:-}" != --replace ]; then
        echo "The database has $tables tables. Restore into an empty one, or say --replace." >&2
        exit 2
    fi
    replace=(--clean --if-exists)
fi
# All or nothing.
pg_restore --dbname="$url" --no-owner --no-privileges --single-transaction --exit-on-error \
    "${replace[@]}" "$backup/database.dump"
mkdir -p "$data"
tar --extract --gzip --file="$backup/files.tar.gz" --directory="$data" --no-same-owner
echo "Restored $backup"
