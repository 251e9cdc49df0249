#!/usr/bin/env bash
# The documentation names every metric of the catalogue and no other, and its links lead somewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh

# metrics_in_catalogue CONNECTOR.
metrics_in_catalogue() {
    grep -oE "^    \('[a-z0-9_]+', '[^']*', '(gauge|rate|delta)', [0-9], '\{[a-z,]+\}'" sql/10_catalogue.sql |
        grep -E "[{,]$1[,}]" | sed -E "s/^ *\('([a-z0-9_]+)'.*/\1/" | sort
}

# metrics_in_docs CONNECTOR: the first column of the table in its section.
metrics_in_docs() {
    awk -v title="## Connector $1" '/^## / { inside = $0 == title } inside && /^\| `/ { gsub(/[`|]/, " "); print $1 }' \
        docs/metrics.md | sort
}

undocumented() {
    local connector
    for connector in mssql local; do
        [ -n "$(metrics_in_catalogue $connector)" ] || echo "no metric of $connector found in the catalogue"
        diff <(metrics_in_catalogue $connector) <(metrics_in_docs $connector) | sed -n "s/^[<>]/$connector:/p"
    done
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
tap_check 'links lead to files' dead_links
tap_done
