# The collector comes with the extension and goes with it, at the commit and only then, however it is created and dropped.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $start_limit = 2;
my $end_limit = 1;

my $node = new_cluster('extension', conf => 'max_prepared_transactions = 2');
$node->safe_psql('postgres', 'CREATE ROLE dba SUPERUSER LOGIN; CREATE DATABASE app');

sub sql { return $node->safe_psql('app', $_[0], extra_params => [ defined $_[1] ? ('-U', $_[1]) : () ]); }
sub starts { return within($start_limit, "collector runs after $_[0]", sub { collector_serves($node, 'app') }); }

sub ends
{
    within($end_limit, "collector ends after $_[0]", sub { !collector_pid($node, 'app') });
    return;
}

sub create { sql('CREATE EXTENSION pg_vitals', $_[0]); return starts('CREATE EXTENSION'); }

within($start_limit, 'the new database is looked at', sub { !collector_pid($node, 'app') });

# -- every way to drop it
foreach my $drop (
    'DROP EXTENSION pg_vitals',
    'CREATE VIEW dependent AS SELECT * FROM vitals.worker_status; DROP EXTENSION pg_vitals CASCADE',
    'DROP OWNED BY dba CASCADE',
    'BEGIN; SAVEPOINT s; DROP EXTENSION pg_vitals; RELEASE s; COMMIT')
{
    create('dba');
    sql($drop);
    ends($drop);
}

# -- dropped and rolled back
my $pid = create();
sql('BEGIN; DROP EXTENSION pg_vitals; ROLLBACK');
sql('BEGIN; SAVEPOINT s; DROP EXTENSION pg_vitals; ROLLBACK TO s; COMMIT');
starts('DROP EXTENSION was rolled back');
{
    my $session = background_session($node, 'app');
    $session->query('BEGIN');
    $session->query('DROP EXTENSION pg_vitals');
    $session->query('ROLLBACK');
    starts('a long transaction that dropped it was rolled back');
    $session->quit;
}
sql('BEGIN; DROP EXTENSION pg_vitals; CREATE EXTENSION pg_vitals; COMMIT');
starts('it was dropped and created in one transaction');
sql('DROP EXTENSION pg_vitals');
ends('DROP EXTENSION');

# -- created and rolled back
sql('BEGIN; CREATE EXTENSION pg_vitals; ROLLBACK');
sql('BEGIN; SAVEPOINT s; CREATE EXTENSION pg_vitals; ROLLBACK TO s; COMMIT');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_vitals collector'"),
    '0', 'no collector where CREATE EXTENSION was rolled back');

# -- two-phase commit: another session makes it visible
sql("BEGIN; CREATE EXTENSION pg_vitals; PREPARE TRANSACTION 'create'");
is(collector_pid($node, 'app'), undef, 'no collector while the transaction is only prepared');
sql("COMMIT PREPARED 'create'");
starts('COMMIT PREPARED');
sql("BEGIN; DROP EXTENSION pg_vitals; PREPARE TRANSACTION 'drop'");
sql("COMMIT PREPARED 'drop'");
ends('COMMIT PREPARED of DROP EXTENSION');

# -- another extension is none of our business: nobody even looks
ready_database($node, 'control');
my $last_look = "SELECT started_at FROM vitals.worker_slots() WHERE database = 'app'";
my $looked_at = $node->safe_psql('control', $last_look);
sql('DROP EXTENSION plpgsql; CREATE EXTENSION plpgsql');
ready_database($node, 'later');
is($node->safe_psql('control', $last_look), $looked_at, 'CREATE EXTENSION of another extension starts nothing');

# -- a storm: at any moment at most one collector (collector_pid dies on two), and the last word counts
foreach my $round (1 .. 30)
{
    sql('CREATE EXTENSION pg_vitals');
    collector_pid($node, 'app');
    sql('DROP EXTENSION pg_vitals');
    collector_pid($node, 'app');
}
ends('30 rounds of CREATE and DROP EXTENSION');
{
    my @sessions = map { background_session($node, 'app') } 1 .. 3;
    foreach my $round (1 .. 10)
    {
        # Two of the three fail in each round; which ones is up to chance.
        $_->query('CREATE EXTENSION pg_vitals; DROP EXTENSION pg_vitals') foreach @sessions;
        collector_pid($node, 'app');
    }
    $_->quit foreach @sessions;
}
create();
is($node->safe_psql('app', 'SELECT restarts FROM vitals.worker_status'), '0', 'no collector failed in all of this');
is(count_in_log($node, 'was terminated by signal'), 0, 'and none crashed');

$node->stop;
done_testing();
