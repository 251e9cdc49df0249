# Shared by the benchmarks: the Python script that polls the same servers (test/bench/python_peer.py) as a process.
package PythonPeer;

use strict;
use warnings;

use Bench;
use FindBin;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;

# Options: groups, ports, threads, rounds, dsn. Polls every server once before it returns.
sub new
{
    my ($class, %option) = @_;
    my $self = bless { input => '', output => '', error => '' }, $class;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/peer.json';
    append_to_file($file, encode_json({ dsn => '', threads => 10, rounds => 3, %option }));
    my @command = ('python3', "$FindBin::RealBin/../bench/python_peer.py", $file);
    $self->{process} = IPC::Run::start(\@command, '<', \$self->{input}, '>', \$self->{output}, '2>', \$self->{error});
    $self->answer;
    return $self;
}

sub answer
{
    my ($self) = @_;
    until ($self->{output} =~ /\n/)
    {
        die "peer: $self->{error}" unless $self->{process}->pumpable;
        $self->{process}->pump;
    }
    my ($line, $rest) = split /\n/, $self->{output}, 2;
    $self->{output} = $rest;
    return decode_json($line);
}

# All rounds. Returns polls, values (per poll), cpu_ms (per poll, of the script), seconds.
sub run
{
    my ($self) = @_;
    $self->{input} .= "go\n";
    return $self->answer;
}

sub stop { my ($self) = @_; $self->{process}->finish; return; }

1;
