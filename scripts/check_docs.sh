#!/usr/bin/env bash
# The documentation names every metric of the catalogue and no other, and its links lead somewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh

# Those of connectors local and collector are written by hand; the tables of mssql are generated.
metrics_in_catalogue() {
    grep -hoE "^    \('[a-z0-9_]+', '[^']*', '[a-z]+', [0-9], '\{([a-z,]*local|collector)\}'" sql/1?_*.sql |
        sed -E "s/^ *\('([a-z0-9_]+)'.*/\1/" | sort
}

# The first column of the table in its section.
metrics_in_docs() {
    awk '/^## / { inside = $0 ~ /^## Connector (local|collector)$/ } inside && /^\| `/ { gsub(/[`|]/, " "); print $1 }' docs/metrics.md | sort
}

undocumented() {
    [ -n "$(metrics_in_catalogue)" ] || echo "no metric of local found in the catalogue"
    diff <(metrics_in_catalogue) <(metrics_in_docs) | sed -n 's/^[<>]/local:/p'
}

dead_links() {
    local file target
    for file in README.md CHANGELOG.md docs/*.md test/tds_server/README.md; do
        [ -e "$file" ] || continue
        # Not to other sites, nor within the page.
        grep -oE '\]\([^)]+\)' "$file" | sed -E 's/^\]\(//; s/[)#].*//' | grep -vE ':|^$' | while read -r target; do
            [ -e "$(dirname "$file")/$target" ] || echo "$file: $target does not exist"
        done
    done
}

tap_check 'docs/metrics.md has the metrics of the catalogue' undocumented
tap_check 'what is generated is up to date' scripts/generate_docs.pl --check
tap_check 'links lead to files' dead_links
tap_done
