# Shared by the TAP tests: clusters with the module preloaded, and waiting with a deadline that the test states.
package PgVitals;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(
  new_cluster within takes_less_than background_session
  collector_pid launcher_pid collector_serves ready_database
  is_alive descendants count_in_log
  add_polled_server poll_again prober_pid status_of snapshots_of server_tree_with_prober server_tree_with_files
);

# A cluster with the module preloaded, started. Options: conf => lines for postgresql.conf, preload => 0, start => 0,
# streaming => 1 for a primary of standbys, install_path => another server tree.
sub new_cluster
{
    my ($name, %option) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name,
        defined $option{install_path} ? (install_path => $option{install_path}) : ());
    $node->init(allows_streaming => $option{streaming} // 0);
    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_vitals'") if $option{preload} // 1;
    # The servers of the tests listen on loopback.
    $node->append_conf('postgresql.conf', "vitals.allowed_targets = 'all'") if $option{preload} // 1;
    # Off by default in test clusters.
    $node->append_conf('postgresql.conf', 'restart_after_crash = on');
    $node->append_conf('postgresql.conf', $option{conf}) if defined $option{conf};
    $node->start if $option{start} // 1;
    return $node;
}

# Passes if the code returns something true before so many seconds are over; returns what it returned.
sub within
{
    my ($seconds, $what, $code) = @_;
    my $start = time;
    my $result;
    until ($result = $code->())
    {
        last if time - $start > $seconds;
        select undef, undef, undef, 0.02;
    }
    ok($result, sprintf('%s within %g s', $what, $seconds));
    note(sprintf('took %.3f s', time - $start));
    return $result;
}

# Passes if the code, which may die, is done in less than so many seconds.
sub takes_less_than
{
    my ($seconds, $what, $code) = @_;
    my $start = time;
    my $done = eval { $code->(); 1 };
    my $took = time - $start;
    diag("$what: $@") unless $done;
    ok($done && $took < $seconds, sprintf('%s takes less than %g s', $what, $seconds));
    note(sprintf('took %.3f s', $took));
    return;
}

# A session that stays open; end it with ->quit.
sub background_session
{
    my ($node, $database) = @_;
    return $node->background_psql($database, on_error_stop => 0);
}

sub worker_pids
{
    my ($node, $type, $database) = @_;
    # A cluster that is just restarting after a crash has none.
    my ($code, $out) = $node->psql('postgres',
        "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND coalesce(datname, '') = '$database'");
    return $code == 0 ? split(/\n/, $out) : ();
}

# The process of the database's collector, or nothing. Dies if there are two.
sub collector_pid
{
    my ($node, $database) = @_;
    my @pids = worker_pids($node, 'pg_vitals collector', $database);
    die "two collectors in $database: @pids" if @pids > 1;
    return $pids[0];
}

sub launcher_pid
{
    my ($node) = @_;
    my @pids = worker_pids($node, 'pg_vitals launcher', '');
    die "two launchers: @pids" if @pids > 1;
    return $pids[0];
}

# Process of a collector that has reported itself running, or nothing.
sub collector_serves
{
    my ($node, $database) = @_;
    my ($code, $pid) = $node->psql($database, "SELECT pid FROM vitals.worker_status WHERE state = 'running'");
    return $code == 0 && $pid ne '' ? $pid : undef;
}

# Makes a database with the extension and returns the process of its collector.
sub ready_database
{
    my ($node, $database, $owner) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database" . (defined $owner ? " OWNER $owner" : ''));
    $node->safe_psql($database, 'CREATE EXTENSION pg_vitals');
    return within(2, "collector of $database runs", sub { collector_serves($node, $database) });
}

# Whether the process runs; one that only waits to be reaped does not.
sub is_alive
{
    my ($pid) = @_;
    open(my $file, '<', "/proc/$pid/stat") or return 0;
    my $stat = <$file> // '';
    return $stat =~ /\)\s+[^ZX]/ ? 1 : 0;
}

# All processes below a process, at the moment.
sub descendants
{
    my ($root) = @_;
    my %children;
    foreach my $path (glob '/proc/[0-9]*/stat')
    {
        open(my $file, '<', $path) or next;
        my $stat = <$file> // '';
        push @{ $children{$2} }, $1 if $stat =~ /^(\d+) \(.*\) \S (\d+)/s;
    }
    my @found = @{ $children{$root} // [] };
    for (my $i = 0; $i < @found; $i++)
    {
        push @found, @{ $children{ $found[$i] } // [] };
    }
    return @found;
}

# How often a pattern occurs in the log of the server, from an offset on.
sub count_in_log
{
    my ($node, $pattern, $offset) = @_;
    my $log = substr(slurp_file($node->logfile), $offset // 0);
    my $count = () = $log =~ /$pattern/g;
    return $count;
}

# Adds a server of the tenant and starts its collection. Arguments of vitals.add_server as a hash of SQL expressions.
sub add_polled_server
{
    my ($node, $database, $tenant, $name, %arguments) = @_;
    my $arguments = join(', ', "'$name'", map { "$_ => $arguments{$_}" } sort keys %arguments);
    return $node->safe_psql($database,
        "SET vitals.tenant = '$tenant'; SELECT vitals.add_server($arguments); SELECT server_id FROM vitals.collection_start('$name')");
}

# Has a server polled now: a collection that was off and is on again is due at once. The limit is that of the collector's
# notice of the change, 2 s unless another is given.
sub poll_again
{
    my ($node, $database, $tenant, $server, $limit) = @_;
    my $targets = 'SELECT targets FROM vitals.worker_status';
    my $before = $node->safe_psql($database, $targets);
    $node->safe_psql($database, "SET vitals.tenant = '$tenant'; SELECT vitals.collection_stop('$server')");
    within($limit // 2, "collection of $server is off", sub { $node->safe_psql($database, $targets) == $before - 1 });
    $node->safe_psql($database, "SET vitals.tenant = '$tenant'; SELECT vitals.collection_start('$server')");
    # Seen before the next change, which would otherwise be counted from a number that is about to change.
    within($limit // 2, "collection of $server is on again", sub { $node->safe_psql($database, $targets) >= $before });
    return;
}

# The prober of a tenant, or nothing while none runs.
sub prober_pid
{
    my ($node, $database, $tenant) = @_;
    my $pid = $node->safe_psql($database, "SELECT pid FROM vitals.probers WHERE tenant = '$tenant'");
    return $pid eq '' ? undef : $pid;
}

# "status|error_class" of a server.
sub status_of
{
    my ($node, $database, $tenant, $server) = @_;
    return $node->safe_psql($database,
        "SET vitals.tenant = '$tenant'; SELECT status, coalesce(error_class, '') FROM vitals.collection_status WHERE server = '$server'");
}

# How many collections of a server are stored.
sub snapshots_of
{
    my ($node, $database, $tenant, $server) = @_;
    return $node->safe_psql($database,
        "SELECT count(*) FROM tenant_$tenant.server_snapshots AS p JOIN tenant_$tenant.servers AS s ON s.id = p.server_id WHERE s.name = '$server'");
}

# A server tree in which another program stands where the collector finds vitals_prober; returns its install_path. The
# server derives all its paths from where its program is, so programs are copied, and what they only read is linked.
sub server_tree_with_prober
{
    my ($program) = @_;
    my $lib = `pg_config --pkglibdir`;
    my $share = `pg_config --sharedir`;
    chomp($lib, $share);
    my ($tree, $path_of) = copy_server_tree("$lib/pg_vitals");
    copy($program, $path_of->("$lib/pg_vitals/vitals_prober")) or die "copy of $program: $!";
    chmod 0755, $path_of->("$lib/pg_vitals/vitals_prober");
    # A prober inherits no environment, so this is how one that is not ours learns which version to greet with.
    my ($version) = slurp_file("$share/extension/pg_vitals.control") =~ /default_version = '(.*?)'/;
    append_to_file($path_of->("$lib/pg_vitals/version"), $version);
    return $tree;
}

# A server tree whose directory of extensions has other files, or additional ones: name => contents. Returns its
# install_path.
sub server_tree_with_files
{
    my (%files) = @_;
    my $share = `pg_config --sharedir`;
    chomp $share;
    my ($tree, $path_of) = copy_server_tree("$share/extension");
    symlink(abs_path($_), $path_of->($_)) foreach grep { !exists $files{ basename($_) } } glob "$share/extension/*";
    append_to_file($path_of->("$share/extension/$_"), $files{$_}) foreach keys %files;
    return $tree;
}

# Programs are copied and what they read is linked, but for one directory, which is made empty. Returns the install_path
# and a function that maps a path of the server to one of the copy.
sub copy_server_tree
{
    my ($empty) = @_;
    my $bin = `pg_config --bindir`;
    my $share = `pg_config --sharedir`;
    my $lib = `pg_config --pkglibdir`;
    chomp($bin, $share, $lib);
    my $prefix = dirname(dirname(dirname(dirname(dirname($bin)))));
    my $root = PostgreSQL::Test::Utils::tempdir_short();
    my $path_of = sub { my ($path) = @_; return $root . substr($path, length $prefix); };

    make_path($path_of->($bin), $path_of->($lib), $path_of->($share), $path_of->($empty));
    foreach my $from (glob "$bin/*")
    {
        my $to = $path_of->($from);
        copy($from, $to) or die "copy of $from: $!";
        chmod 0755, $to;
    }
    symlink(abs_path($_), $path_of->($_)) foreach grep { $_ ne $empty } glob "$lib/* $share/*";
    return (dirname($path_of->($bin)), $path_of);
}

1;
