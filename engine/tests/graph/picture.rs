//! A picture, read back from its SVG: where boxes are, and where edges begin and end.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

/// A step or a return, in the coordinates of the picture.
#[derive(Debug)]
pub(crate) struct Boxed {
    pub(crate) title: String,
    pub(crate) class: String,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    /// Boxes that it is inside of.
    depth: usize,
}

/// A picture.
#[derive(Debug)]
pub(crate) struct Picture {
    width: f64,
    height: f64,
    pub(crate) boxes: Vec<Boxed>,
    /// Where edges begin and end.
    ends: Vec<[(f64, f64); 2]>,
}

impl Boxed {
    /// The step that it shows.
    pub(crate) fn step(&self) -> &str {
        self.title.split(':').next().unwrap()
    }

    fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.right <= self.right
            && other.bottom <= self.bottom
    }

    fn is_apart(&self, other: &Self) -> bool {
        self.right < other.left
            || other.right < self.left
            || self.bottom < other.top
            || other.bottom < self.top
    }
}

impl Picture {
    /// Reads an element a line, as they are written.
    pub(crate) fn of(svg: &str) -> Self {
        let mut picture = Self { width: 0.0, height: 0.0, boxes: Vec::new(), ends: Vec::new() };
        // Where the corner of what is open is.
        let mut corners = vec![(0.0, 0.0)];
        let mut titles = vec![String::new()];
        for line in svg.lines() {
            let (x, y) = *corners.last().unwrap();
            if line.starts_with("<svg ") {
                (picture.width, picture.height) = (number(line, "width"), number(line, "height"));
            } else if let Some(rest) = line.strip_prefix("<g transform=\"translate(") {
                let (dx, dy) = rest.split_once(')').unwrap().0.split_once(',').unwrap();
                corners.push((x + dx.parse::<f64>().unwrap(), y + dy.parse::<f64>().unwrap()));
                titles.push(String::new());
            } else if line == "</g>" {
                corners.pop();
                titles.pop();
            } else if let Some(title) = line.strip_prefix("<title>") {
                *titles.last_mut().unwrap() = title.strip_suffix("</title>").unwrap().to_owned();
            } else if line.starts_with("<rect ") && attribute(line, "class").starts_with("box") {
                let (left, top) = (x + number(line, "x"), y + number(line, "y"));
                picture.boxes.push(Boxed {
                    title: titles.last().unwrap().clone(),
                    class: attribute(line, "class").to_owned(),
                    left,
                    top,
                    right: left + number(line, "width"),
                    bottom: top + number(line, "height"),
                    depth: corners.len(),
                });
            } else if line.starts_with("<path ") {
                let path = attribute(line, "d");
                let numbers: Vec<f64> = path
                    .split(['M', 'C', ' '])
                    .filter(|part| !part.is_empty())
                    .map(|part| part.parse().unwrap())
                    .collect();
                let end = &numbers[numbers.len() - 2..];
                picture.ends.push([(x + numbers[0], y + numbers[1]), (x + end[0], y + end[1])]);
            }
        }
        assert_eq!(corners.len(), 1, "a group is not closed");
        picture
    }

    /// Tells what is wrong, if something is.
    pub(crate) fn is_tidy(&self) -> Result<(), String> {
        for (n, one) in self.boxes.iter().enumerate() {
            if one.left < 0.0 || one.top < 0.0 || one.right > self.width || one.bottom > self.height {
                return Err(format!("{one:?} is not in the picture of {} by {}", self.width, self.height));
            }
            for other in &self.boxes[n + 1..] {
                let is_nested = one.depth < other.depth && one.holds(other);
                if !one.is_apart(other) && !is_nested {
                    return Err(format!("{one:?} and {other:?} overlap"));
                }
            }
        }
        for [from, to] in &self.ends {
            if from.1 >= to.1 {
                return Err(format!("an edge goes up, from {from:?} to {to:?}"));
            }
            let touches = |(x, y): (f64, f64), side: fn(&Boxed) -> f64| {
                self.boxes.iter().any(|it| it.left <= x && x <= it.right && (side(it) - y).abs() < 0.5)
            };
            if !touches(*from, |it| it.bottom) || !touches(*to, |it| it.top) {
                return Err(format!("an edge from {from:?} to {to:?} hangs in the air"));
            }
        }
        Ok(())
    }
}

fn attribute<'a>(line: &'a str, name: &str) -> &'a str {
    line.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap()
}

fn number(line: &str, name: &str) -> f64 {
    attribute(line, name).parse().unwrap()
}
