import torch

# for tensors this small a second thread only waits
torch.set_num_threads(1)
