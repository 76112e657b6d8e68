// C++ with exceptions, virtual functions and the standard library.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct Shape {
	virtual ~Shape() {}
	virtual double area() const = 0;
	virtual std::string name() const { return "shape"; }
};
struct Box : Shape {
	double w, h;
	Box(double w, double h) : w(w), h(h) { if (w < 0) throw std::runtime_error("width"); }
	double area() const override { return w * h; }
	std::string name() const override { return "box " + std::to_string(w); }
};

static std::map<std::string, std::vector<Shape *>> all;

int main(int argc, char **argv)
{
	char buf[64];
	try {
		for (int i = 1; i < argc; i++) {
			strcpy(buf, argv[i]);
			all[buf].push_back(new Box(strlen(buf), i - 2));
			memcpy(buf, argv[i], strlen(argv[i]));
		}
	} catch (const std::exception &e) {
		sprintf(buf, "%.40s", e.what());
		puts(buf);
		return 1;
	}
	for (auto &p : all) {
		std::sort(p.second.begin(), p.second.end(), [](Shape *a, Shape *b) { return a->area() < b->area(); });
		for (auto *s : p.second) {
			printf("%s %s %f\n", p.first.c_str(), s->name().c_str(), s->area());
			delete s;
		}
	}
	return 0;
}
