# ALTER EXTENSION UPDATE makes of every older version what CREATE EXTENSION makes, and the collector does the same with the
# relations of tenants. One older version is made up here: what the newest has, less something of each kind.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Catalog;
use LifeCycle;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $extensions = `pg_config --sharedir`;
chomp $extensions;
$extensions .= '/extension';
my ($version) = slurp_file("$extensions/pg_vitals.control") =~ /default_version = '(.*?)'/;
my $made_up = '0.0.9';

# ---- scripts of the made-up version
# Whatever matches must be in the script, once; it is replaced, and returned.
sub replace
{
    my ($script, $pattern, $by) = @_;
    my $count = () = ${$script} =~ /$pattern/g;
    die "the install script has $count of $pattern" if $count != 1;
    ${$script} =~ s/($pattern)/$by/;
    return $1;
}

# The definition of a function, up to the end of its comment.
sub function_pattern { my ($name) = @_; return qr/CREATE FUNCTION vitals\.\Q$name\E\((?:(?!CREATE FUNCTION).)*?\nCOMMENT ON FUNCTION [^\n]* IS\s[^\n]*;\n/s; }

my $newest = slurp_file("$extensions/pg_vitals--$version.sql");
my ($index) = $newest =~ /\$sql\$(CREATE INDEX ix_server_events_server_time .*?)\$sql\$/s or die 'no such index';
my ($function_with_index) = $newest =~ /.*CREATE FUNCTION vitals\.(\w+)\(.*?ix_server_events_server_time/s;
# As the install script of a version that had predecessors would have it.
my $upgrades = <<"SQL";
INSERT INTO vitals.tenant_upgrades (version, step, statement) VALUES
    ('$version', 1, '$index'),
    ('$version', 2, 'INSERT INTO %1\$I.metric_types (name, unit, description, kind, scale)
                     SELECT m.name, m.unit, m.description, m.kind, m.scale FROM vitals.metric_catalogue AS m
                     WHERE m.name = ''net_bytes_out'' ON CONFLICT (name) DO NOTHING');
SQL
$newest .= $upgrades;

my $old = $newest;
replace(\$old, qr/\Q$upgrades\E/, '');
# A function that tenants call, one that they do not, a body, comments, a column, a row, a table of the tenant.
my $new_for_tenants = replace(\$old, function_pattern('collection_stop'), '');
my $new_for_superusers = replace(\$old, function_pattern('disable'), '');
my $new_body = replace(\$old, function_pattern($function_with_index), 'BODY');
{
    my $old_body = $new_body;
    replace(\$old_body, qr/,\s*\$sql\$CREATE INDEX ix_server_events_server_time .*?\$sql\$/s, '');
    $old =~ s/BODY/$old_body/;
}
my $view_comment = replace(\$old, qr/COMMENT ON VIEW vitals\.tenants IS [^\n]*;\n/, "COMMENT ON VIEW vitals.tenants IS 'Old.';\n");
replace(\$old, qr/,\n    approved_at timestamptz NOT NULL DEFAULT now\(\)/, '');
my ($row) = $newest =~ /\n    (\('net_bytes_out'[^\n]*\))[,;]\n/;
replace(\$old, qr/,\n    \('net_bytes_out'[^\n]*\)(?=;\n)/, '');
# And a view.
my $view = replace(\$old, qr/CREATE VIEW vitals\.probers WITH .*?(?=CREATE |\z|-- )/s, '');

(my $new_or_replaced = $new_body) =~ s/CREATE FUNCTION/CREATE OR REPLACE FUNCTION/;
my $update = <<"SQL";
\\echo Use "ALTER EXTENSION pg_vitals UPDATE" to load this file. \\quit
SET LOCAL search_path TO pg_catalog, pg_temp;
$new_for_tenants
REVOKE ALL ON FUNCTION vitals.collection_stop(text) FROM PUBLIC;
$new_for_superusers
REVOKE ALL ON FUNCTION vitals.disable() FROM PUBLIC;
$new_or_replaced
$view_comment
ALTER TABLE vitals.trusted_servers ADD COLUMN approved_at timestamptz NOT NULL DEFAULT now();
INSERT INTO vitals.metric_catalogue (name, unit, kind, scale, connectors, description) VALUES $row;
$view
REVOKE ALL ON vitals.probers FROM PUBLIC;
$upgrades
SQL

my $next = '99.0';
my $node = new_cluster('update',
    conf => 'vitals.reload_interval = 500ms',
    install_path => server_tree_with_files(
        "pg_vitals--$version.sql" => $newest,
        "pg_vitals--$made_up.sql" => $old,
        "pg_vitals--$made_up--$version.sql" => $update,
        # What an upgrade script must not do.
        "pg_vitals--$version--$next.sql" => "SELECT vitals.upgrade_tenant('acme');\n"));

sub sql { my ($database, $statement) = @_; return $node->safe_psql($database, $statement); }

# The tables of the extension that come with the package.
sub state_of_extension
{
    my ($database) = @_;
    return [ @{ objects_of($node, $database, '^vitals(_api)?$', initial_rights => 1) },
        @{ contents_of($node, $database, '^vitals(_api)?$', '^(installation|tenant_registry|trusted_servers|tenant_readers|tenant_problems)$') } ];
}

sub relations_of
{
    my ($database, $tenant) = @_;
    my $types = sql($database, "SELECT string_agg(t.name || t.unit || t.kind || t.scale, ' ' ORDER BY t.name) FROM tenant_$tenant.metric_types AS t");
    # Sequences have gone further where more was written.
    return [ $types, map { s/tenant_$tenant/TENANT/gr } grep { !/^sequence/ } @{ objects_of($node, $database, "^tenant_$tenant\$") } ];
}

# ---- a fresh installation, to compare with
ready_database($node, 'fresh');
ready_tenant($node, 'fresh', 'acme');
my $fresh = state_of_extension('fresh');
my $fresh_relations = relations_of('fresh', 'acme');

# ---- every older version that there is a script of
my @versions = split /\n/, sql('postgres', "SELECT v.version FROM pg_available_extension_versions AS v WHERE v.name = 'pg_vitals' AND string_to_array(v.version, '.')::integer[] < string_to_array('$version', '.')::integer[] ORDER BY 1");
is_deeply([ grep { $_ eq $made_up } @versions ], [$made_up], 'the made-up version can be installed');
foreach my $from (@versions)
{
    my $database = 'from_' . $from =~ tr/./_/r;
    sql('postgres', "CREATE DATABASE $database");
    sql($database, "CREATE EXTENSION pg_vitals VERSION '$from'");
    within(2, "collector waits for the update from $from", sub { sql($database, 'SELECT state FROM vitals.worker_status') eq 'version mismatch' });
    sql($database, "SELECT vitals.create_tenant('acme', owner => 'tenant_acme')");
    isnt(join("\n", @{ state_of_extension($database) }), join("\n", @{$fresh}), "$from is not $version");
    is(sql($database, "SELECT version FROM vitals.tenant_registry WHERE name = 'acme'"), $from, 'and its tenant is of that version');
    sql($database, 'ALTER EXTENSION pg_vitals UPDATE');
    within(3, "the tenant is upgraded after the update from $from", sub { sql($database, "SELECT version FROM vitals.tenant_registry WHERE name = 'acme'") eq $version });
    within(2, "collector runs after the update from $from", sub { collector_serves($node, $database) });
    same_lines(state_of_extension($database), $fresh, "the update from $from makes what a fresh install makes");
    same_lines(relations_of($database, 'acme'), $fresh_relations, 'and the relations of the tenant are those of a new one');
    is(sql($database, "SELECT has_function_privilege('tenant_acme', 'vitals.collection_stop(text)', 'EXECUTE'), has_function_privilege('tenant_acme', 'vitals.disable()', 'EXECUTE')"),
        't|f', 'the tenant may call what is new for it, and nothing else');
}
is(count_in_log($node, 'LOG:  tenant "acme" was upgraded'), scalar(@versions), 'one line per upgrade in the log');

# ---- an update while servers are polled; tenants that are not as they were made
sql('postgres', 'CREATE DATABASE app');
sql('app', "CREATE EXTENSION pg_vitals VERSION '$made_up'");
foreach my $tenant ('good', 'damaged', 'evil', 'moved') { sql('app', "SELECT vitals.create_tenant('$tenant')"); }
sql('app', "SET vitals.tenant = 'good'; SELECT vitals.add_server('nobody', host => '127.0.0.1', port => 1); SELECT vitals.collection_start('nobody')");
# One has a relation of its own where the new one is to be; the other lays a trap for whoever upgrades it.
sql('app', <<'SQL');
SET ROLE tenant_damaged;
CREATE TABLE tenant_damaged.ix_server_events_server_time ();
RESET ROLE;
SET ROLE tenant_evil;
CREATE FUNCTION tenant_evil.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE tenant_evil SUPERUSER; RETURN NEW; END $$;
CREATE TRIGGER trap BEFORE INSERT ON tenant_evil.metric_types FOR EACH ROW EXECUTE FUNCTION tenant_evil.trap();
SQL
my $directory = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fc', '-n', 'tenant_moved', '-f', "$directory/moved.dump", $node->connstr('app') ], 'dump of a schema of the old version');
sql('app', 'ALTER EXTENSION pg_vitals UPDATE');
within(5, 'servers are polled after the update', sub { sql('app', "SET vitals.tenant = 'good'; SELECT status FROM vitals.collection_status") eq 'offline' });
my $old_ones = "SELECT string_agg(name, ' ' ORDER BY name) FROM vitals.tenant_registry WHERE version = '$made_up'";
within(3, 'all but two are upgraded', sub { sql('app', $old_ones) eq 'damaged evil' });
like(slurp_file($node->logfile), qr/tenant "damaged" has a problem\n.*DETAIL:  could not upgrade its relations: relation "ix_server_events_server_time" already exists/, 'the log says what is wrong with one');
like(slurp_file($node->logfile), qr/tenant "evil" has a problem\n.*DETAIL:  could not upgrade its relations: must be superuser/, 'and with the other');
is(sql('app', "SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant_evil'"), 'f', 'whose trap caught nobody');
is(sql('app', "SELECT count(*) FROM tenant_evil.metric_types WHERE name = 'net_bytes_out'"), '0', 'an upgrade is done as a whole');
is(sql('app', "SELECT to_regclass('tenant_evil.ix_server_events_server_time') IS NULL"), 't', 'or not at all');

# -- mended, it is upgraded without more ado; or by hand
sql('app', 'DROP TABLE tenant_damaged.ix_server_events_server_time');
is(sql('app', "SELECT vitals.upgrade_tenant('damaged')"), $version, 'a mended tenant can be upgraded by hand');
sql('app', 'DROP TRIGGER trap ON tenant_evil.metric_types; DROP FUNCTION tenant_evil.trap()');
within(15, 'or waits for the collector', sub { sql('app', $old_ones) eq '' });
foreach my $tenant ('good', 'damaged', 'evil') { same_lines(relations_of('app', $tenant), $fresh_relations, "relations of tenant $tenant are those of a new one"); }
is(sql('app', "SELECT vitals.upgrade_tenant('good')"), $version, 'an upgrade of what is new does nothing');
same_lines(relations_of('app', 'good'), $fresh_relations, 'to its relations');

# -- a schema of the old version, restored beside a newer extension
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('fresh'), "$directory/moved.dump" ], 'it is restored');
sql('fresh', "SELECT vitals.attach_tenant('moved')");
is(sql('fresh', "SELECT version FROM vitals.tenant_registry WHERE name = 'moved'"), $version, 'and upgraded when it is attached');
same_lines(relations_of('fresh', 'moved'), $fresh_relations, 'to the relations of a new one');

# -- a tenant of a newer version is left alone
sql('app', "UPDATE vitals.tenant_registry SET version = '$next' WHERE name = 'evil'");
like(($node->psql('app', "SELECT vitals.upgrade_tenant('evil')"))[2], qr/tenant is of a newer version than the extension.*HINT:  Install a newer package/s, 'a newer tenant is refused');
like(($node->psql('app', "SELECT vitals.upgrade_tenant('nobody')"))[2], qr/tenant not found/, 'and one that is not there');
sql('app', "UPDATE vitals.tenant_registry SET version = '$version' WHERE name = 'evil'");

# ---- never by a script
my ($code, $out, $err) = $node->psql('from_' . $made_up =~ tr/./_/r, "ALTER EXTENSION pg_vitals UPDATE TO '$next'");
like($err, qr/cannot create a tenant's relations in an extension script/, 'a script that touches tenants is refused');

is(count_in_log($node, 'was terminated by signal|PANIC'), 0, 'no collector crashed');
$node->stop;
done_testing();
