/* Data that only data points at, some steps away from any code. */
struct node {
	struct node *next;
	long n;
};
static struct node last = {0, 41}, third = {&last, 31}, second = {&third, 21};
static struct node spare[3] = {{0, 1}, {0, 2}, {&spare[1], 3}};
struct node *volatile first[] = {&second, &spare[2]};

int main(int argc, char **argv)
{
	struct node *n = first[argc & 1];
	return n ? (int)n->n : 0;
}
