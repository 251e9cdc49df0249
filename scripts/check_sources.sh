#!/usr/bin/env bash
# sources.mk is the only list of sources: sorted, without duplicates, and equal to what is on the disk.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh
export LC_ALL=C

listed() { sed -n 's/^[A-Z_]* += //p' sources.mk | sort; }
names() { sed -n 's/^\([A-Z_]*\) += .*/\1/p' sources.mk | sort -u; }
headers() { find src test -name '*.h' -not -path '*/node_modules/*' | sort; }
on_disk() {
    {
        find src test -name '*.cpp' -not -path '*/node_modules/*'
        find sql -name '[0-9][0-9]_*.sql'
        find sql/upgrades -name '*.sql'
    } | sort
}

other_lines() { grep -vnE '^([A-Z][A-Z_]* \+= [^ ]+|#.*|)$' sources.mk; }

unsorted() {
    local name
    for name in $(names); do
        sed -n "s/^$name += //p" sources.mk | sort -c
    done
}

listed_twice() { listed | uniq -d; }
not_there() { comm -23 <(listed | uniq) <(on_disk) | sed 's/$/ does not exist/'; }
not_listed() { comm -13 <(listed | uniq) <(on_disk) | sed 's/$/ is not in sources.mk/'; }

# Files of a name that no build reads would be left out silently.
unused_names() {
    local name
    for name in $(names); do
        grep -qw "$name" Makefile CMakeLists.txt || echo "$name is used by no build"
    done
}

odd_headers() {
    local header includes
    includes=$(grep -rhoE '^#include "[^"]+"' src test --include='*.cpp' --include='*.h' | sed -E 's|.*["/]([^"/]+)"|\1|' | sort -u)
    for header in $(headers); do
        [[ $(head -n 1 "$header") == //* ]] || echo "$header does not begin with a comment that says why it exists"
        grep -q '^#pragma once$' "$header" || echo "$header has no #pragma once"
        grep -qxF "${header##*/}" <<< "$includes" || echo "$header is included by nothing"
    done
}

too_long() {
    { listed; headers; } | xargs wc -l | awk '$2 != "total" && $1 > 600 { print $2 " has " $1 " lines; 600 are the limit" }'
}

tap_check 'every line is "NAME += path" or a comment' other_lines
tap_check 'sorted within each name' unsorted
tap_check 'nothing is listed twice' listed_twice
tap_check 'what is listed exists' not_there
tap_check 'what exists is listed' not_listed
tap_check 'every name is used' unused_names
tap_check 'headers say why they exist, and are used' odd_headers
tap_check 'no file is longer than 600 lines' too_long
tap_done
