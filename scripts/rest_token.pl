#!/usr/bin/env perl
# Makes a token (JWT, HS256) for the REST API: rest_token.pl SECRET_FILE ROLE [TENANT] [DAYS]. Prints it.
# DAYS: how long it is valid, 1 by default.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use JSON::PP;
use MIME::Base64 qw(encode_base64url);

my ($file, $role, $tenant, $days) = @ARGV;
die "usage: rest_token.pl SECRET_FILE ROLE [TENANT] [DAYS]\n" unless defined $role;
open my $handle, '<', $file or die "$file: $!\n";
# As PostgREST reads it: without the newline at the end.
my $secret = do { local $/; <$handle> } =~ s/\n\z//r;
die "$file: a secret has at least 32 characters\n" if length $secret < 32;

my $json = JSON::PP->new->canonical;
my %claims = (role => $role, exp => time + int(($days // 1) * 86400));
$claims{tenant} = $tenant if defined $tenant && $tenant ne '';
my $signed = join '.', map { encode_base64url($json->encode($_)) } { alg => 'HS256', typ => 'JWT' }, \%claims;
print "$signed.", encode_base64url(hmac_sha256($signed, $secret)), "\n";
