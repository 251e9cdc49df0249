#!/usr/bin/env perl
# Prints "KEY FILE" for every source: a digest of the file, of everything of ours that it includes, and of a text that
# says how it is checked. As long as the key stays the same, so does what a checker says about the file.
#
#   source_keys.pl SALT FILE…
use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use File::Basename qw(dirname);

my ($salt, @sources) = @ARGV;
my (%content, %includes);

sub read_file {
    my ($path) = @_;
    return if exists $content{$path};
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/ = undef;
    $content{$path} = <$file>;
    close $file or die "$path: $!\n";
    for my $name ($content{$path} =~ /^\s*#\s*include\s*"([^"]+)"/mg) {
        my ($found) = grep { -e } dirname($path) . "/$name", "src/$name", "test/$name";
        push @{ $includes{$path} }, $found if defined $found;
    }
    return;
}

for my $source (@sources) {
    my %seen = ($source => 1);
    my @todo = ($source);
    while (defined(my $path = shift @todo)) {
        read_file($path);
        push @todo, grep { !$seen{$_}++ } @{ $includes{$path} // [] };
    }
    print md5_hex(join "\0", $salt, map { ($_, $content{$_}) } sort keys %seen), " $source\n";
}
