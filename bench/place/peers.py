import sys, time

edges = [tuple(map(int, l.split())) for l in open(sys.argv[1])]
source = int(sys.argv[2])


def took(what, do):
    wall, cpu = time.time(), time.process_time()
    note = do()
    print("%-58s %9.3f s wall %9.3f s CPU   %s" % (what, time.time() - wall, time.process_time() - cpu, note or ""), flush=True)


try:
    import igraph
except ImportError:
    print("igraph: not installed")
else:
    box = []
    took("igraph %s: graph" % igraph.__version__, lambda: box.append(igraph.Graph([e[:2] for e in edges], edge_attrs={"w": [e[2] for e in edges]})))
    g = box[0]
    distances = g.distances if hasattr(g, "distances") else g.shortest_paths
    took("igraph: distances from one source", lambda: distances(source, weights="w") and None)
    took("igraph: single points of failure", lambda: "%d nodes" % len(g.articulation_points()))
try:
    import networkx
except ImportError:
    print("networkx: not installed")
else:
    g = networkx.Graph()
    took("networkx %s: graph" % networkx.__version__, lambda: g.add_weighted_edges_from(edges))
    took("networkx: distances from one source", lambda: networkx.single_source_dijkstra_path_length(g, source) and None)
    took("networkx: single points of failure", lambda: "%d nodes" % sum(1 for _ in networkx.articulation_points(g)))
