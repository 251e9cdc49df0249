# Simulated SQL Servers (test/tds_server) for TAP tests: one process with any number of servers, each on a port of its own,
# and a control line to change what they do.
package SimulatedServers;

use strict;
use warnings;

use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;

# Options: servers => 1, tls => 'require', certificate => 'right', replay => 'steps', password => 'vitals', …: those of the
# program, with _ for -. Starts the program and returns once it is ready.
sub new
{
    my ($class, %option) = @_;
    my $directory = PostgreSQL::Test::Utils::tempdir_short();
    my $self = bless { ca_directory => $directory, ca => "$directory/ca.pem", output => '', input => '' }, $class;
    append_to_file("$directory/password", delete($option{password}) // 'vitals');
    %option = (tls => 'require', replay => 'steps', seed => 0, %option);
    my @words = map { my $name = $_ =~ tr/_/-/r; ("--$name", $option{$_}) } sort keys %option;
    $self->{process} = IPC::Run::start(
        [ $ENV{TDS_SERVER}, '--fixture', "$ENV{VITALS_FIXTURES}/mssql-fixture.json", '--ca-out', $self->{ca},
            '--password-file', "$directory/password", '--exit-with-parent', @words ],
        '<', \$self->{input}, '>', \$self->{output}, IPC::Run::timeout(20));
    $self->{process}->pump until $self->{output} =~ /\n/;
    # From here on it may run as long as the test does.
    $self->{process}{TIMERS} = [];
    my $ready = decode_json($self->{output});
    $self->{ports} = $ready->{ports};
    $self->{control} = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ready->{control_port}, Timeout => 5)
      or die "control port: $!";
    return $self;
}

sub port { my ($self, $server) = @_; return $self->{ports}[ $server // 0 ]; }
sub ca { my ($self) = @_; return $self->{ca}; }
sub ca_directory { my ($self) = @_; return $self->{ca_directory}; }

# One request of the control line, for example control(0, fault => 'silent'); returns the answer.
sub control
{
    my ($self, $server, %request) = @_;
    my $line = encode_json({ server => $server, %request });
    $self->{control}->print("$line\n");
    my $answer = decode_json($self->{control}->getline // die 'the simulator is gone');
    die "$line: $answer->{error}" if exists $answer->{error};
    return $answer;
}

sub stats { my ($self, $server) = @_; return $self->control($server // 0, stats => JSON::PP::true); }

sub stop
{
    my ($self) = @_;
    $self->{process}->signal('TERM');
    $self->{process}->finish;
    return;
}

1;
