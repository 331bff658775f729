#!/bin/bash
# Runs on a spot machine of AWS and waits for the notice that AWS reclaims it in two minutes. Then it stops Ray from placing
# work here and sends SIGTERM to the trials, which save their current interval and continue elsewhere. In a cluster file,
# before `ray start`:  nohup bash spot_notice.sh > /tmp/spot_notice.log 2>&1 &
set -u
metadata=http://169.254.169.254/latest

noticed() {
  local token
  token=$(curl -sf -m 2 -X PUT "$metadata/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') &&
    curl -sf -m 2 -o /dev/null -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/spot/instance-action"
}

until noticed; do sleep 5; done
date
# without a node id, the command drains the machine that it runs on
RAY_AUTH_MODE=token timeout 30 ray drain-node ${RAY_HEAD_IP:+--address "$RAY_HEAD_IP:6379"} \
  --reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'spot notice' --deadline-remaining-seconds 100
# the process title that Ray gives to a worker with a trial
pkill -TERM -f '^ray::.*Trainable'
