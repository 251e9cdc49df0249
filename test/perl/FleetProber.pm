# A server tree whose prober is fleet_prober.pl, and the files beside that through which a test and it speak.
package FleetProber;

use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP;
use PgVitals;
use PostgreSQL::Test::Utils;

sub new
{
    my ($class) = @_;
    my $tree = server_tree_with_prober(dirname(__FILE__) . '/fleet_prober.pl');
    my ($directory) = grep { -e "$_/version" } "$tree/lib/pg_vitals", glob "$tree/lib/*/pg_vitals";
    die "no prober below $tree" unless defined $directory;
    return bless { tree => $tree, directory => $directory }, $class;
}

sub install_path { my ($self) = @_; return $self->{tree}; }
sub file { my ($self, $name) = @_; return "$self->{directory}/$name"; }

# What was asked of it, the oldest first. The last line may be half written.
sub asked
{
    my ($self) = @_;
    my $jobs = $self->file('jobs');
    return -e $jobs ? map { decode_json($_) } slurp_file($jobs) =~ /^(.*)\n/mg : ();
}

# Of the jobs of a host, those of a kind: poll, check, probe.
sub jobs
{
    my ($self, $host, $kind) = @_;
    return grep { ($_->{host} // '') eq $host && $_->{kind} eq $kind } $self->asked;
}

1;
