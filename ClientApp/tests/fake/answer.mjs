/** The fake model's answer: every kind of block that the page can draw. */
export const reasoning = `The question asks for a small example. I will compare **two** options and then show code.

1. Recall the definition
2. Give the code`

export const answer = `A hash table maps a key to a slot by a *hash function*, so that a lookup costs $O(1)$ on average, \
instead of the $O(\\log n)$ of a tree. It costs about $5 and $10 of memory.

## How it works

1. Compute \`hash(key)\`
2. Take it modulo the number of slots
   - collisions go into a chain
   - the table grows when it is too full

\`\`\`python
class Table:
    """A tiny chained hash table."""

    def __init__(self, slots: int = 8) -> None:
        self.slots = [[] for _ in range(slots)]

    def put(self, key: str, value: object) -> None:
        chain = self.slots[hash(key) % len(self.slots)]
        for i, (k, _) in enumerate(chain):
            if k == key:
                chain[i] = (key, value)  # replace
                return
        chain.append((key, value))
\`\`\`

The expected length of a chain with load factor $\\alpha = n/m$ is

$$
E[L] = 1 + \\frac{n-1}{2m} \\approx 1 + \\frac{\\alpha}{2}
$$

| Structure | Lookup | Ordered | Memory |
|---|---:|:---:|---|
| Hash table | 1.2 µs | no | medium |
| Balanced tree | 4.8 µs | yes | higher |
| Sorted array | 3.1 µs | yes | lowest |

> Choose a tree when you need the keys in order.

- [x] lookup
- [ ] range queries

See [the article](https://en.wikipedia.org/wiki/Hash_table) for more. 中文与 English 混排时，间距由浏览器处理。`
