// Part of Wardein's samples.
document.title = "AN-2400 " + location.host;
