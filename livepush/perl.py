"""A Perl for the shell that stays in a container: it writes files without a process more.

Debian and what is made from it always hold a Perl, which their package tools are written in. To
start `dd`, `tar` and `mv` is most of what a save costs in a container, while all that they do for
plain files is a dozen system calls each.
"""

from __future__ import annotations

ABLE = '[ "$(echo : | perl -e "$place" "$functions")" = 0 ]'
"""The command that succeeds where there is a Perl that answers, as a stub of one does not.

`$place` is `PLACE`, and `$functions` what it is given.
"""

# Who is not told by octal numbers, and what is no plain file or directory, is for `tar`. What
# stands behind a request's line is taken for a shell as well: one that cannot start `dd` would
# leave it there, and it would look like requests. Where no shell can be started, Perl would warn,
# and try for ever: the warning ends it. To rename over a file has some file systems write it out at
# once, which for many files takes longer than all else: those are removed first, a moment before.
PLACE = r"""
use Fcntl;
use warnings FATAL => 'pipe';
my $functions = shift;
sub take {
  my $size = shift;
  exit if read(STDIN, my $taken, $size) != $size;
  return $taken;
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
  my ($archive, $at, $long, @members) = (shift, 0, '');
  while ((my $header = substr $archive, $at, 512) =~ /[^\0]/) {
    my ($name, $mode, $uid, $gid, $size, $time, $kind)
      = unpack 'Z100 A8 A8 A8 A12 A12 x8 A1', $header;
    return if $kind !~ /^[05L]$/ || grep { !/^[0-7]+$/ } $mode, $uid, $gid, $size, $time;
    ($at, $size) = ($at + 512, oct $size);
    if ($kind eq 'L') {
      $long = unpack 'Z*', substr $archive, $at, $size;
    } else {
      my $path = '/' . ($long ne '' ? $long : $name) =~ s{/\z}{}r;
      my @numbers = ($size, oct($mode) & 07777, oct $uid, oct $gid, oct $time);
      push @members, [$at, @numbers, $path, $kind eq '5'];
      $long = '';
    }
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
sub extracted {
  my ($archive, $mark, $members) = @_;
  my ($number, @directories) = (0);
  for my $member (@$members) {
    my (undef, undef, $mode, $uid, $gid, undef, $path, $is_directory) = @$member;
    if ($is_directory) {
      return if -l $path || !(-d $path || mkdir $path);
      return if !chown($uid, $gid, $path) || !chmod $mode, $path;
      push @directories, $member;
      next;
    }
    my $place = ($path =~ m{^(.*/)}s)[0] . $mark . $number++;
    my $done = written($place, $archive, @$member);
    unlink $path if $done;
    if (!$done || !rename $place, $path) {
      unlink $place;
      return;
    }
  }
  utime $_->[5], $_->[5], $_->[6] or return for @directories;
  return 1;
}
sub removed {
  my (undef, undef, undef, @paths) = @_;
  return !grep { !unlink && lstat } @paths;
}
while (defined(my $request = <STDIN>)) {
  exit if $request !~ /\n$/;
  my ($line, $long) = ($request, '');
  $line = $long = take($1) if $request =~ /^long (\d+)$/;
  my ($verb, $size, $mark) = $line =~ /^(place|extract) (\d+) (\S+)/;
  my $archive = $verb ? take($size) : '';
  my @members = $verb ? members($archive) : ();
  my (undef, undef, undef, @paths) = @members && $verb eq 'place' ? words($line) : ();
  my $done;
  if ($line =~ /^rm -rf -- / && removed(words($line))) {
    $done = 1;
  } elsif ($line =~ /^missing /) {
    (undef, my @paths) = words($line);
    $done = !grep { lstat } @paths;
  } elsif (@members && $verb eq 'extract') {
    $done = extracted(\$archive, $mark, \@members);
  } elsif (@members && @members == @paths) {
    $done = placed(\$archive, $mark, \@paths, \@members);
  } elsif (open my $input, '|-', '/bin/sh', '-c', "$functions\n$request") {
    print $input $long, $archive;
    $done = close $input;
  }
  syswrite STDOUT, $done ? "0\n" : "1\n";
}
"""
