# What two databases must have in common after a dump, a restore or an upgrade: the catalog's rows of some schemas as one
# line each, and the contents of their tables.
package Catalog;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(objects_of contents_of same_lines);

# Lines that do not depend on oids, nor on the order in which columns were added. Each row of a query is one line.
my %queries = (
    schema => <<'SQL',
SELECT n.nspname, pg_get_userbyid(n.nspowner), acl(n.nspacl, 'n', n.nspowner), obj_description(n.oid, 'pg_namespace')
FROM pg_namespace AS n WHERE n.nspname ~ $1
SQL
    function => <<'SQL',
SELECT p.oid::regprocedure, pg_get_userbyid(p.proowner), acl(p.proacl, 'f', p.proowner), pg_get_functiondef(p.oid),
    obj_description(p.oid, 'pg_proc')
FROM pg_proc AS p WHERE p.pronamespace::regnamespace::text ~ $1
SQL
    relation => <<'SQL',
SELECT c.oid::regclass, c.relkind, pg_get_userbyid(c.relowner),
    acl(c.relacl, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END, c.relowner), c.reloptions, c.relrowsecurity,
    pg_get_expr(c.relpartbound, c.oid), pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class')
FROM pg_class AS c WHERE c.relnamespace::regnamespace::text ~ $1 AND c.relkind IN ('r', 'p', 'v', 'S', 'c', 'm')
SQL
    column => <<'SQL',
SELECT c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attacl,
    pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace::regnamespace::text ~ $1 AND c.relkind IN ('r', 'p', 'v', 'c', 'm')
SQL
    constraint => <<'SQL',
SELECT k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated
FROM pg_constraint AS k WHERE k.connamespace::regnamespace::text ~ $1
SQL
    index => <<'SQL',
SELECT pg_get_indexdef(i.indexrelid), i.indisvalid
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace::regnamespace::text ~ $1
SQL
    trigger => <<'SQL',
SELECT pg_get_triggerdef(t.oid), t.tgenabled
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace::regnamespace::text ~ $1 AND NOT t.tgisinternal
SQL
    sequence => <<'SQL',
SELECT s.schemaname, s.sequencename, s.data_type, s.increment_by, s.last_value
FROM pg_sequences AS s WHERE s.schemaname ~ $1
SQL
    type => <<'SQL',
SELECT t.oid::regtype, t.typtype, pg_get_userbyid(t.typowner), obj_description(t.oid, 'pg_type')
FROM pg_type AS t WHERE t.typnamespace::regnamespace::text ~ $1 AND t.typelem = 0
SQL
    member => <<'SQL',
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'pg_vitals' AND d.deptype = 'e' AND 'vitals' ~ $1
SQL
    dumped => <<'SQL',
SELECT c.config::regclass, c.condition
FROM pg_extension AS e CROSS JOIN unnest(e.extconfig, e.extcondition) AS c (config, condition)
WHERE e.extname = 'pg_vitals' AND 'vitals' ~ $1
SQL
    version => q{SELECT extversion, extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_vitals' AND 'vitals' ~ $1});

# What the extension itself gave away: dumps contain only what differs from it.
my $initial_rights = <<'SQL';
SELECT pg_describe_object(i.classoid, i.objoid, i.objsubid), acl(i.initprivs, 'r', 0)
FROM pg_init_privs AS i
JOIN pg_depend AS d ON d.classid = i.classoid AND d.objid = i.objoid AND d.deptype = 'e' AND d.objsubid = 0
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_vitals'
WHERE i.privtype = 'e' AND 'vitals' ~ $1
SQL

# In no particular order in the catalog.
my $acl_function = <<'SQL';
CREATE FUNCTION pg_temp.acl(list aclitem[], kind text, owner oid) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(a.grantee::regrole, '=', a.privilege_type, CASE WHEN a.is_grantable THEN '*' END), ' '
                      ORDER BY a.grantee::regrole::text COLLATE "C", a.privilege_type)
    FROM aclexplode(coalesce(list, acldefault(kind::"char", owner))) AS a
$$;
SQL

sub rows
{
    my ($node, $database, $kind, $query) = @_;
    (my $text = $query) =~ s/\bacl\(/pg_temp.acl(/g;
    my $out = $node->safe_psql($database, "SET client_min_messages TO warning; SET search_path TO pg_catalog; $acl_function"
          . "SELECT replace(rows::text, E'\\n', ' ') FROM ($text) AS rows");
    return map { "$kind $_" } split /\n/, $out;
}

# Of the schemas whose names match a regular expression, as a sorted list. Options: initial_rights => 1.
sub objects_of
{
    my ($node, $database, $schemas, %option) = @_;
    my %wanted = (%queries, $option{initial_rights} ? (initial => $initial_rights) : ());
    my @lines;
    foreach my $kind (sort keys %wanted)
    {
        (my $query = $wanted{$kind}) =~ s/\$1/'$schemas'/g;
        push @lines, rows($node, $database, $kind, $query);
    }
    return [ sort @lines ];
}

# Rows of all tables, but for those whose names match the second regular expression.
sub contents_of
{
    my ($node, $database, $schemas, $without) = @_;
    my @tables = split /\n/, $node->safe_psql($database,
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname ~ '$schemas' AND tablename !~ '$without' ORDER BY 1");
    return [ sort map { my $table = $_; map { "$table $_" } split /\n/, $node->safe_psql($database, "SELECT to_jsonb(t) FROM ONLY $table AS t") } @tables ];
}

# Passes if both lists are equal; shows what only one of them has.
sub same_lines
{
    my ($got, $expected, $what) = @_;
    my %got = map { $_ => 1 } @{$got};
    my %expected = map { $_ => 1 } @{$expected};
    my @missing = grep { !$got{$_} } @{$expected};
    my @additional = grep { !$expected{$_} } @{$got};
    ok(@{$expected} > 0 && @missing == 0 && @additional == 0, $what)
      or diag(join "\n", (map { "missing: $_" } @missing), (map { "additional: $_" } @additional), scalar(@{$expected}) . ' lines');
    return;
}

1;
