// Looks every few seconds how far the restore is. While the winery changes its place nobody answers: then it says so and goes on.

const shown = document.getElementById("restore");
const away = document.getElementById("restore-away");

async function look() {
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (answer.ok && answer.redirected) return location.assign("/");
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const news = page.getElementById("restore");
      if (!news) return location.reload(); // it has ended: the page is another one
      away.classList.add("aside");
      if (!shown.isEqualNode(news)) shown.replaceChildren(...news.childNodes);
    } else away.classList.remove("aside");
  } catch {
    away.classList.remove("aside");
  }
  setTimeout(look, 3000);
}

setTimeout(look, 3000);
