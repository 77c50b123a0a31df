"""A Perl for the shell that stays in a container: it places a few files without a process more.

Debian and what is made from it always hold a Perl, which their package tools are written in. To
start `dd`, `tar` and `mv` is most of what a save costs in a container, while all that they do for
plain files is a dozen system calls each.
"""

from __future__ import annotations

ABLE = "perl -MFcntl -e 0"
"""The command that succeeds where there is a Perl that can run `PLACE`."""

# Standard input is read unbuffered, since what is to follow may be for a shell to read. Who is not
# told by octal numbers, and what is no plain file, is for `tar`. A shell that did not end by itself
# may have left of the input what would look like a request.
PLACE = r"""
use Fcntl;
my $functions = shift;
sub take {
  my ($left, $taken) = (shift, '');
  while ($left > 0) {
    my $count = sysread(STDIN, $taken, $left, length $taken) or exit;
    $left -= $count;
  }
  return $taken;
}
sub line {
  my $line = '';
  while (sysread(STDIN, my $byte, 1)) {
    return $line if $byte eq "\n";
    $line .= $byte;
  }
  exit;
}
sub words {
  my ($line, @words) = @_;
  while ($line =~ /((?:'[^']*'|"[^"]*"|[^ '"\n])+)/g) {
    push @words, $1;
    $words[-1] =~ s/'([^']*)'|"([^"]*)"/defined $1 ? $1 : $2/ge;
  }
  return @words;
}
sub members {
  my ($archive, $at, @members) = (shift, 0);
  while ((my $header = substr $archive, $at, 512) =~ /[^\0]/) {
    my ($mode, $uid, $gid, $size, $time, $kind) = unpack 'x100 A8 A8 A8 A12 A12 x8 A1', $header;
    return if $kind !~ /^[0L]$/ || grep { !/^[0-7]+$/ } $mode, $uid, $gid, $size, $time;
    ($at, $size) = ($at + 512, oct $size);
    push @members, [$at, $size, oct($mode) & 07777, oct $uid, oct $gid, oct $time] if $kind eq '0';
    $at += $size + -$size % 512;
  }
  return @members;
}
sub written {
  my ($place, $archive, $at, $size, $mode, $uid, $gid, $time) = @_;
  sysopen(my $file, $place, O_WRONLY | O_CREAT | O_EXCL, 0600) or return;
  while ($size > 0) {
    my $count = syswrite($file, $$archive, $size, $at) or return;
    ($at, $size) = ($at + $count, $size - $count);
  }
  return chown($uid, $gid, $file) && chmod($mode, $file) && utime(time, $time, $file)
    && close $file;
}
sub placed {
  my ($archive, $mark, $paths, $members) = @_;
  my @places;
  for my $path (@$paths) {
    my ($directory) = $path =~ m{^(.*/)}s;
    return if !-d $directory || -d $path;
    push @places, "$directory$mark" . @places;
  }
  my $done = 1;
  $done &&= written($places[$_], $archive, @{$members->[$_]}) for 0 .. $#places;
  $done &&= rename $places[$_], $paths->[$_] for 0 .. $#places;
  unlink @places if !$done;
  return $done;
}
while (1) {
  my $request = line();
  my @shell = ('/bin/sh', '-c', "$functions\n$request");
  my ($verb, $size, $mark, @paths) = words($request);
  my $done;
  if ($verb eq 'place') {
    my $archive = take($size);
    my @members = members($archive);
    if (@members == @paths) {
      $done = placed(\$archive, $mark, \@paths, \@members);
    } elsif (open my $input, '|-', @shell) {
      print $input $archive;
      $done = close $input;
    }
  } else {
    $done = system(@shell) == 0;
    exit if $? & 127;
  }
  syswrite STDOUT, $done ? "0\n" : "1\n";
}
"""
