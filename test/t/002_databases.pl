# A collector never stands in the way of DDL on its database, and follows what became of it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The server itself gives up after 5 s when somebody stays connected.
my $ddl_limit = 2;
my $back_limit = 2;

my $node = new_cluster('databases', conf => "allow_in_place_tablespaces = on\nmax_worker_processes = 32");
$node->safe_psql('postgres', "CREATE ROLE owner LOGIN CREATEDB; CREATE ROLE other LOGIN CREATEDB; CREATE TABLESPACE side LOCATION ''");

sub run_ddl
{
    my ($statement, $role) = @_;
    takes_less_than($ddl_limit, $statement,
        sub { $node->safe_psql('postgres', $statement, extra_params => [ defined $role ? ('-U', $role) : () ]) });
    return;
}

# -- created, dropped
my $first = ready_database($node, 'one');
my $second = ready_database($node, 'two');
is($node->safe_psql('one', 'SELECT count(*) FROM vitals.worker_status'), '1', 'worker_status is about one database');
is($node->safe_psql('one', 'SELECT database FROM vitals.worker_status'), 'one', 'its own');
is($node->safe_psql('one', 'SELECT count(*) FROM vitals.worker_slots() WHERE pid IS NOT NULL'), '2', 'two collectors at once');

run_ddl('DROP DATABASE one');
ok(!is_alive($first), 'collector of the dropped database is gone');
is(collector_pid($node, 'two'), $second, 'collector of the other database was left alone');
within($back_limit, 'slot of the dropped database is free',
    sub { $node->safe_psql('two', "SELECT count(*) = 0 FROM vitals.worker_slots() WHERE database = 'one'") eq 't' });

# -- an owner without any other right
ready_database($node, 'owned', 'owner');
run_ddl('DROP DATABASE owned', 'owner');

# -- who does not own it cannot stop the collector
my $pid = collector_pid($node, 'two');
my ($code, $out, $err) = $node->psql('postgres', 'DROP DATABASE two', extra_params => [ '-U', 'other' ]);
like($err, qr/must be owner of database two/, 'DROP DATABASE is refused to others');
is(collector_pid($node, 'two'), $pid, 'and the collector was not stopped');

# -- unrelated databases
$node->safe_psql('postgres', 'CREATE DATABASE unrelated');
run_ddl('DROP DATABASE unrelated');
is(collector_pid($node, 'two'), $pid, 'DROP of an unrelated database stops no collector');

# -- one that is gone, while the launcher cannot have noticed: it is about to be started again, after a second
$node->safe_psql('two', 'GRANT USAGE ON SCHEMA vitals TO other; GRANT EXECUTE ON FUNCTION vitals.worker_slots() TO other');
$node->safe_psql('postgres', 'CREATE DATABASE gone');
within($back_limit, 'a new database has a slot',
    sub { $node->safe_psql('two', "SELECT state FROM vitals.worker_slots() WHERE database = 'gone'") eq 'no extension' });
my $launcher = launcher_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher, 5000)");
run_ddl('DROP DATABASE gone');
is($node->safe_psql('two', 'SELECT count(*) FROM vitals.worker_slots()', extra_params => [ '-U', 'other' ]),
    '1', 'worker_slots() takes no offence at a database that was just dropped');
within(5, 'the launcher is back', sub { launcher_pid($node) });

# -- renamed
run_ddl('ALTER DATABASE two RENAME TO renamed');
$pid = within($back_limit, 'collector is back after RENAME', sub { collector_serves($node, 'renamed') });
is($node->safe_psql('renamed', 'SELECT database FROM vitals.worker_status'), 'renamed', 'under the new name');

# -- renamed and rolled back: held until the transaction is over, then back
{
    my $session = background_session($node, 'postgres');
    $session->query('BEGIN');
    $session->query('ALTER DATABASE renamed RENAME TO never');
    is(collector_pid($node, 'renamed'), undef, 'no collector while the transaction is open');
    $session->query('ROLLBACK');
    within($back_limit, 'collector is back after ROLLBACK', sub { collector_serves($node, 'renamed') });
    $session->quit;
}

# -- the session that holds the database dies in the middle
{
    my $session = background_session($node, 'postgres');
    my $holder = $session->query('SELECT pg_backend_pid()');
    $session->query('BEGIN');
    $session->query('ALTER DATABASE renamed RENAME TO never');
    $node->safe_psql('postgres', "SELECT pg_terminate_backend($holder)");
    within($back_limit, 'collector is back after the session was terminated', sub { collector_serves($node, 'renamed') });
    eval { $session->quit };
}

# -- used as template
run_ddl('CREATE DATABASE copy TEMPLATE renamed');
within($back_limit, 'collector of the source is back', sub { collector_serves($node, 'renamed') });
# Who copies a database does not mean to poll its servers twice.
within($back_limit, 'collector of the copy is paused',
    sub { $node->safe_psql('copy', 'SELECT state FROM vitals.worker_status') eq 'paused: run vitals.enable()' });
run_ddl('ALTER DATABASE copy RENAME TO copy_of_it');
run_ddl('ALTER DATABASE copy_of_it RENAME TO copy');
within($back_limit, 'and is after DDL on the copy',
    sub { $node->safe_psql('copy', 'SELECT state FROM vitals.worker_status') eq 'paused: run vitals.enable()' });
$node->safe_psql('copy', 'SELECT vitals.enable()');
within($back_limit, 'collector of the copy runs after vitals.enable()', sub { collector_serves($node, 'copy') });
run_ddl('CREATE DATABASE copy2 TEMPLATE = renamed STRATEGY = file_copy');
within($back_limit, 'collector of the source is back', sub { collector_serves($node, 'renamed') });

# -- moved to another tablespace
run_ddl('ALTER DATABASE copy SET TABLESPACE side');
within($back_limit, 'collector is back after SET TABLESPACE', sub { collector_serves($node, 'copy') });

# -- a statement that fails
{
    my $session = background_session($node, 'copy');
    $session->query('SELECT 1');
    $pid = collector_pid($node, 'copy');
    my $started = time;
    ($code, $out, $err) = $node->psql('postgres', 'DROP DATABASE copy');
    like($err, qr/being accessed by other users/, 'DROP DATABASE fails when a session is connected');
    within($back_limit, 'collector is back after the failure', sub { (collector_serves($node, 'copy') // $pid) ne $pid });
    is($node->safe_psql('copy', 'SELECT restarts FROM vitals.worker_status'), '0', 'which does not count as a failure');
    $session->quit;
}

# -- what becomes a template, or refuses connections, loses its collector
run_ddl('ALTER DATABASE copy IS_TEMPLATE true');
within(1, 'collector leaves a template', sub { !collector_pid($node, 'copy') });
run_ddl('ALTER DATABASE copy IS_TEMPLATE false');
within($back_limit, 'collector is back in what is no template any more', sub { collector_serves($node, 'copy') });
run_ddl('ALTER DATABASE copy ALLOW_CONNECTIONS false');
within(1, 'collector leaves a database that refuses connections', sub { !collector_pid($node, 'copy') });
run_ddl('DROP DATABASE copy');

# -- a database without the extension is looked at once
$node->safe_psql('postgres', 'CREATE DATABASE bare');
within($back_limit, 'a new database is looked at',
    sub { $node->safe_psql('renamed', "SELECT state FROM vitals.worker_slots() WHERE database = 'bare'") eq 'no extension' });
is(collector_pid($node, 'bare'), undef, 'and no collector stays');
run_ddl('DROP DATABASE bare');

is(count_in_log($node, 'does not exist'), 0, 'no collector was started in a database that was gone');
$node->stop;
done_testing();
