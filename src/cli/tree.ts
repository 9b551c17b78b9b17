/** A line, and the lines that hang from it. */
export interface TreeNode {
  readonly label: string;
  readonly children?: readonly TreeNode[];
}

/** Draws a tree: the root's label, and below it its branches. Ends with a line break. */
export function renderTree(root: TreeNode): string {
  return `${root.label}\n${branches(root.children ?? [], '')}`;
}

function branches(nodes: readonly TreeNode[], indent: string): string {
  return nodes
    .map((node, i) => {
      const last = i === nodes.length - 1;
      const below = branches(node.children ?? [], `${indent}${last ? '    ' : '│   '}`);
      return `${indent}${last ? '└── ' : '├── '}${node.label}\n${below}`;
    })
    .join('');
}
