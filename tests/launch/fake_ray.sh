#!/bin/bash
# erpo_explore.launch calls this as `ray`: each call is written to $FAKE/calls, and the head is the folder $FAKE/head.
# $FAKE/is_up: the cluster runs. $FAKE/unreachable: ssh fails. $FAKE/cut: number of lines until the next connection ends.
printf '%s\n' "${*//$'\n'/ }" >> "$FAKE/calls"
on_head() { HOME=$FAKE/head PATH=$FAKE/head/bin:$PATH bash -c "$1"; }
path_on_head() { printf '%s' "${1/#\~/$FAKE/head}"; }
case $1 in
  get-auth-token) mkdir -p ~/.ray && echo secret > ~/.ray/auth_token && echo secret ;;
  get-head-ip) test -e "$FAKE/is_up" && echo 10.0.0.1 ;;
  up) echo "ray up was called" && touch "$FAKE/is_up" && test ! -e "$FAKE/broken" ;;
  exec)
    echo "Fetched IP: 10.0.0.1"
    if test -e "$FAKE/unreachable"; then echo "ssh: connect to host 10.0.0.1 port 22: timed out"; exit 1; fi
    if test -e "$FAKE/cut" && [[ $3 == *tail* ]]; then
      num_lines=$(cat "$FAKE/cut"); rm "$FAKE/cut"
      on_head "$3" | head -n "$num_lines"
      echo "Connection to 10.0.0.1 closed by remote host."
      exit 1
    fi
    on_head "$3" | sed -u 's/$/\r/' # ssh -tt ends lines like this
    ;;
  rsync-up) rsync -a "$3" "$(path_on_head "$4")" ;;
  rsync-down) rsync -a "$(path_on_head "$3")" "$4" ;;
  *) exit 64 ;;
esac
