# The server has fewer places than there are databases: what runs goes on, what does not says why, the log has one line for
# a state and not one for each try, and a place that gets free is taken.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use LifeCycle;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# After a refusal the launcher tries again every 5 s.
my $retry_limit = 6;
my $retries = 2;
my $start_limit = 2;

# ---- max_worker_processes: one for the launcher, one for PostgreSQL's own launcher, which leaves two
my $node = new_cluster('workers', conf => 'max_worker_processes = 4');
my $refused = qr/WARNING:  no background worker is free for the collector of database/;

sub state_of { return $node->safe_psql($_[0], 'SELECT state FROM vitals.worker_status'); }

ready_database($node, $_) foreach 'one', 'two';
my $offset = log_size($node);
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach 'three', 'four';
foreach my $database ('three', 'four')
{
    $node->safe_psql($database, 'CREATE EXTENSION pg_vitals');
    within($start_limit, "$database says that no worker slot is free", sub { state_of($database) eq 'no worker slot' });
}
my ($code, $out, $err) = $node->psql('three', 'SELECT vitals.start_collector()');
is($out, 'f', 'start_collector() cannot help');
like($err, qr/WARNING:  collector of database "three" does not run\nDETAIL:  Its state is "no worker slot"\./, 'and says why');

my $until = time + $retries * $retry_limit;
within($retries * $retry_limit + 1, 'time for several tries has passed', sub { time > $until });
is(count_in_log($node, $refused, $offset), 1, 'one line in the log for all tries and databases');
like(slurp_file($node->logfile, $offset), qr/HINT:  Increase max_worker_processes and restart the server\./, 'with what to do');
is(state_of($_), 'running', "collector of $_ is not disturbed") foreach 'one', 'two';
is($node->safe_psql('three', 'SELECT restarts FROM vitals.worker_status'), '0', 'a refusal is not a failure');

# -- places get free
$node->safe_psql('one', 'DROP EXTENSION pg_vitals');
within($retry_limit, 'a place that gets free is taken',
    sub { grep { (collector_serves($node, $_) // '') ne '' } 'three', 'four' });
$node->safe_psql('postgres', 'DROP DATABASE two');
within($retry_limit, 'so is the next', sub { collector_serves($node, 'three') && collector_serves($node, 'four') });
is(count_in_log($node, $refused, $offset), 1, 'without another line in the log');

# -- used up again: a new state, a new line
$node->safe_psql('one', 'CREATE EXTENSION pg_vitals');
within($start_limit, 'one waits now', sub { state_of('one') eq 'no worker slot' });
is(count_in_log($node, $refused, $offset), 2, 'which is one more line');

# -- by hand, without the wait
$node->safe_psql('four', 'DROP EXTENSION pg_vitals');
within($start_limit, 'collector of four has ended', sub { !collector_pid($node, 'four') });
takes_less_than(1, 'start_collector() instead of the wait',
    sub { is($node->safe_psql('one', 'SELECT vitals.start_collector()'), 't', 'it runs') });
$node->stop;

# ---- vitals.max_databases: the first three are postgres, a and b
$node = new_cluster('databases', conf => 'vitals.max_databases = 3');
my $too_many = qr/WARNING:  pg_vitals cannot serve all databases/;

ready_database($node, $_) foreach 'a', 'b';
is(count_in_log($node, $too_many), 0, 'three databases have room');
$node->safe_psql('postgres', 'CREATE DATABASE c');
within($start_limit, 'the fourth is one too many, says the log', sub { count_in_log($node, $too_many) == 1 });
like(slurp_file($node->logfile), qr/DETAIL:  1 database is not looked at\.\n.*HINT:  Increase vitals.max_databases and restart the server\./, 'with what to do');
$node->safe_psql('c', 'CREATE EXTENSION pg_vitals');
is(state_of('c'), '', 'no row of worker_status for what has no place');
is($node->safe_psql('c', 'SELECT vitals.collector_running()'), 'f', 'and no collector');

# Each of these has the list of databases read again.
$node->safe_psql('postgres', "CREATE DATABASE more$_") foreach 1 .. 3;
$node->safe_psql('postgres', "DROP DATABASE more$_") foreach 1 .. 3;
terminate_backend($node, collector_pid($node, 'a'));
within($start_limit, 'collector of a is back', sub { collector_serves($node, 'a') });
is(count_in_log($node, $too_many), 1, 'still one line in the log');
takes_less_than(2, 'RENAME of a database without a place', sub { $node->safe_psql('postgres', 'ALTER DATABASE c RENAME TO d') });

$node->safe_psql('postgres', 'DROP DATABASE b');
within($start_limit, 'the place of a dropped database is taken', sub { collector_serves($node, 'd') });
ok(collector_pid($node, 'a'), 'the other one is still there');

$node->safe_psql('postgres', 'CREATE DATABASE e');
within($start_limit, 'one too many again is one more line', sub { count_in_log($node, $too_many) == 2 });
# A template needs no place.
$node->safe_psql('postgres', 'ALTER DATABASE a IS_TEMPLATE true');
$node->safe_psql('e', 'CREATE EXTENSION pg_vitals');
within($start_limit, 'nor does a template keep one', sub { collector_serves($node, 'e') });
$node->stop;

done_testing();
