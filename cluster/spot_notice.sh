#!/bin/bash
# Runs on a spot machine of AWS and waits for the notice that it will be taken back in two minutes. Then it has Ray place
# nothing more here, and tells the trials, which save the interval that they are in and go on elsewhere. From a cluster file,
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
# without a node's id Ray's command takes the machine that it runs on
RAY_AUTH_MODE=token timeout 30 ray drain-node ${RAY_HEAD_IP:+--address "$RAY_HEAD_IP:6379"} \
  --reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'spot notice' --deadline-remaining-seconds 100
# Ray's name for a process that runs a trial
pkill -TERM -f '^ray::.*Trainable'
