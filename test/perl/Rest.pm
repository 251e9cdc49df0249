# The REST API for TAP tests: a real PostgREST and a real nginx with the configurations of docs/rest in front of a cluster,
# and a client that sends what it is told to, however wrong, and shows the answer as it came.
package Rest;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use FindBin;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our $secret = 'a secret of the tests, which is long enough';

my $start_limit = 30;
my $answer_limit = 60;

# Skips the test file where a program is missing.
sub require_programs
{
    foreach my $program (@_ ? @_ : qw(POSTGREST NGINX))
    {
        plan skip_all => "no $program" unless $ENV{$program} && -x $ENV{$program};
    }
    return;
}

# Makes the roles, opens vitals_api to them, and starts both programs.
sub new
{
    my ($class, $node, $database) = @_;
    my $self = bless { directory => PostgreSQL::Test::Utils::tempdir_short(), node => $node, database => $database }, $class;
    $node->safe_psql($database, 'CREATE ROLE authenticator LOGIN NOINHERIT; CREATE ROLE web_anon NOLOGIN;'
          . "SELECT vitals.setup_rest(authenticator => 'authenticator', anon => 'web_anon')");
    append_to_file("$self->{directory}/jwt_secret", $secret);
    $self->{$_} = PostgreSQL::Test::Cluster::get_free_port() foreach qw(postgrest_port nginx_port);
    my $uri = sprintf 'postgres://authenticator@/%s?host=%s&port=%d', $database, $node->host, $node->port;
    system("$FindBin::RealBin/../../scripts/rest_config.sh", $self->{directory}, $uri, $self->{postgrest_port},
        $self->{nginx_port}) == 0 or die 'rest_config.sh failed';
    $self->start_postgrest;
    $self->start_program('nginx', $ENV{NGINX}, '-e', "$self->{directory}/nginx/error.log", '-p', $self->{directory}, '-c', 'nginx.conf');
    # The schema is read a moment after the port is opened.
    $self->until_status('GET', '/api/servers', 401);
    return $self;
}

# The tests' own end ends the programs, whatever ends the tests.
sub start_program
{
    my ($self, $name, @command) = @_;
    my $log = "$self->{directory}/$name.log";
    $self->{process}{$name} = IPC::Run::start([ 'setpriv', '--pdeathsig', 'TERM', @command ], '<', \undef, '>', $log, '2>&1');
    return;
}

sub start_postgrest
{
    my ($self) = @_;
    $self->start_program('postgrest', $ENV{POSTGREST}, "$self->{directory}/postgrest.conf");
    return;
}

sub stop_program
{
    my ($self, $name) = @_;
    my $process = delete $self->{process}{$name} or return;
    $process->signal('TERM');
    $process->finish;
    return;
}

sub stop
{
    my ($self) = @_;
    $self->stop_program($_) foreach qw(nginx postgrest);
    return;
}

sub until_status
{
    my ($self, $method, $path, $status, %option) = @_;
    my $deadline = time + $start_limit;
    my $answer = {};
    while (time < $deadline)
    {
        $answer = eval { $self->request($method, $path, %option) } // {};
        return $answer if ($answer->{status} // 0) == $status;
        select undef, undef, undef, 0.05;
    }
    die "$method $path: no $status in $start_limit s, but " . ($answer->{status} // 'nothing') . ": $@\n"
      . slurp_file("$self->{directory}/postgrest.log");
}

sub directory { my ($self) = @_; return $self->{directory}; }
sub url { my ($self) = @_; return "http://127.0.0.1:$self->{nginx_port}"; }
sub postgrest_url { my ($self) = @_; return "http://127.0.0.1:$self->{postgrest_port}"; }

# A token that PostgREST accepts, unless options say otherwise: header => {…}, secret => '…'.
sub token
{
    my ($claims, %option) = @_;
    my $json = JSON::PP->new->canonical;
    my $signed = join '.', map { encode_base64url($json->encode($_)) } $option{header} // { alg => 'HS256', typ => 'JWT' },
      { exp => int(time) + 600, %{$claims} };
    return "$signed." . encode_base64url(hmac_sha256($signed, $option{secret} // $secret));
}

# One request over a connection of its own. Options: token, body (text, or data that becomes JSON), headers => { name =>
# value }, direct => 1 for PostgREST without nginx, chunked => 1. Returns { status, reason, head, headers => { lower-case
# name => value }, body, json }.
sub request
{
    my ($self, $method, $path, %option) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{ $option{direct} ? 'postgrest_port' : 'nginx_port' },
        Timeout => 10) or die "connect: $!";
    my %headers = (Host => 'localhost', Connection => 'close', %{ $option{headers} // {} });
    $headers{Authorization} = "Bearer $option{token}" if defined $option{token};
    my $body = $option{body};
    if (defined $body)
    {
        $body = encode_json($body) if ref $body;
        $headers{'Content-Type'} //= 'application/json';
        $headers{ $option{chunked} ? 'Transfer-Encoding' : 'Content-Length' } = $option{chunked} ? 'chunked' : length $body;
        $body = sprintf "%x\r\n%s\r\n0\r\n\r\n", length $body, $body if $option{chunked};
    }
    # A server that refuses a body may close before it has read it all.
    local $SIG{PIPE} = 'IGNORE';
    $socket->print("$method $path HTTP/1.1\r\n", (map { "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n", $body // '');
    my $answer = '';
    local $SIG{ALRM} = sub { die "$method $path: no answer in $answer_limit s\n" };
    alarm $answer_limit;
    while (sysread $socket, my $part, 65536) { $answer .= $part; }
    alarm 0;
    return parse_answer($answer);
}

sub parse_answer
{
    my ($answer) = @_;
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($first, @lines) = split /\r\n/, $head // '';
    my ($status, $reason) = ($first // '') =~ m{^HTTP/1\.[01] (\d{3})(?: (.*))?$} or die 'no HTTP answer: ' . substr($answer, 0, 200);
    my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @lines;
    if (($headers{'transfer-encoding'} // '') eq 'chunked')
    {
        my ($rest, $whole) = ($body, '');
        while ($rest =~ s/^([0-9a-f]+)\r\n//i && hex $1 > 0)
        {
            $whole .= substr $rest, 0, hex $1;
            $rest = substr $rest, 2 + hex $1;
        }
        $body = $whole;
    }
    return {
        status => $status, reason => $reason // '', head => $head, headers => \%headers, body => $body // '',
        json => scalar eval { JSON::PP->new->utf8->allow_nonref->decode($body) },
    };
}

# Whether an answer is an error as all of them are: an object of code, message, details, hint. Returns what is wrong.
sub not_an_error
{
    my ($answer) = @_;
    my $json = $answer->{json};
    return "no JSON object: $answer->{body}" unless ref $json eq 'HASH';
    my $keys = join ' ', sort keys %{$json};
    return "keys $keys" unless $keys eq 'code details hint message';
    return 'empty message' unless length($json->{message} // '') > 0 && length($json->{code} // '') > 0;
    return "type $answer->{headers}{'content-type'}" unless ($answer->{headers}{'content-type'} // '') =~ m{^application/json\b};
    return '';
}

sub DESTROY
{
    my ($self) = @_;
    local $?;
    eval { $self->stop };
    return;
}

1;
