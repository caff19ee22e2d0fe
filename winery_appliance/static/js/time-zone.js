// Proposes the time zone of this browser; the person sees it and may type another.

const field = document.querySelector("[name=time_zone]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (field && field.value === "UTC" && zone) field.value = zone;
