"""What every test runs under."""

import hypothesis
import torch

# a shared machine is slow now and then, which says nothing about the code
hypothesis.settings.register_profile("patient", deadline=None, max_examples=60)
hypothesis.settings.load_profile("patient")

# for tensors this small a second thread only waits, and sums that are split otherwise differ in their last bit
torch.set_num_threads(1)
