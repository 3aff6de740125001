"""Graph networks of torch_geometric on edge lists: gather, compute per edge, scatter-reduce per node."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GATConv, GCNConv, MessagePassing

# Cora, a citation graph: nodes, features and classes per node, directed edges.
NODES, FEATURES, CLASSES, EDGES = 2708, 1433, 7, 10_556


class GCN(nn.Module):
    """Two graph convolutions, normalised by the degrees: features [N, F] and edges [2, E] to classes [N, C].

    With add_self_loops, the number of edges inside depends on the values of edge_index: given loops go, one per node
    comes.
    Source: Kipf and Welling 2016.
    """

    def __init__(self, hidden: int = 16, add_self_loops: bool = False) -> None:
        super().__init__()
        self.conv1 = GCNConv(FEATURES, hidden, add_self_loops=add_self_loops)
        self.conv2 = GCNConv(hidden, CLASSES, add_self_loops=add_self_loops)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv2(torch.relu(self.conv1(x, edge_index)), edge_index).log_softmax(dim=-1)


class GAT(nn.Module):
    """8 attention heads of 8 features, concatenated, then one head of the classes; the edges hold the self loops.

    Source: Velickovic et al. 2017.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = GATConv(FEATURES, 8, heads=8, add_self_loops=False)
        self.conv2 = GATConv(64, CLASSES, heads=1, add_self_loops=False)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv2(F.elu(self.conv1(x, edge_index)), edge_index).log_softmax(dim=-1)


class MessagePassingLayer(MessagePassing):
    """Message, sum, update: two-layer perceptrons on (receiver, sender, edge) and on (node, aggregated messages).

    Source: Gilmer et al. 2017, equations 1 and 2.
    """

    def __init__(self, width: int = 64, edge_width: int = 16) -> None:
        super().__init__(aggr="sum")
        self.message_mlp = nn.Sequential(nn.Linear(2 * width + edge_width, width), nn.ReLU(), nn.Linear(width, width))
        self.update_mlp = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, edge_attr=edge_attr)

    def message(self, x_i: Tensor, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        """[E, width]: what each edge's sender tells its receiver."""
        return self.message_mlp(torch.cat((x_i, x_j, edge_attr), dim=-1))

    def update(self, inputs: Tensor, x: Tensor) -> Tensor:
        """[N, width]: each node's state after its messages."""
        return self.update_mlp(torch.cat((x, inputs), dim=-1))


def cora_edges(seed: int = 0) -> Tensor:
    """[2, 10556] edges of a random graph with Cora's counts; no node is its own neighbour."""
    generator = torch.Generator().manual_seed(seed)
    senders = torch.randint(0, NODES, (EDGES,), generator=generator)
    steps = torch.randint(1, NODES, (EDGES,), generator=generator)
    return torch.stack((senders, (senders + steps) % NODES))


def with_self_loops(edges: Tensor) -> Tensor:
    """[2, E + N]: the edges, then one from each node to itself."""
    return torch.cat((edges, torch.arange(NODES).expand(2, -1)), dim=1)
