"use strict";
// Draws what pvplan/maps.py hands over. Words of files become text nodes only: nothing here
// writes HTML, so a name that looks like markup is shown as the letters it is made of.
window.pvplan = (function () {
  const outline = "#333333";
  const nearZoom = 12;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // Tooltips are elements, never strings: streamlit-folium parses string tooltips as HTML.
  function note(lines) {
    const box = element("div");
    lines.forEach((line, place) => box.appendChild(element("div", place ? "" : "name", line)));
    return box;
  }

  function card(title, rows) {
    const box = element("div", "pv-card");
    box.appendChild(element("div", "title", title));
    rows.forEach((row) => {
      const line = element("div", "row");
      const swatch = element("span", row.unknown ? "swatch unknown" : "swatch");
      swatch.style.background = row.colour;
      line.appendChild(swatch);
      line.appendChild(element("span", "", row.label));
      box.appendChild(line);
    });
    L.DomEvent.disableClickPropagation(box);
    return box;
  }

  function control(position, made) {
    const corner = L.control({ position: position });
    corner.onAdd = () => made;
    return corner;
  }

  function districts(map, payload) {
    const labels = [];
    const tips = [];
    L.geoJSON(payload.districts, {
      interactive: false,
      style: { color: "#9fb0c0", weight: 1, fillColor: "#ffffff", fillOpacity: 1 },
    }).addTo(map);
    payload.labels.forEach((label) => {
      const tip = L.tooltip({ permanent: true, direction: "center", className: "pv-district" });
      tip.setLatLng([label.latitude, label.longitude]).setContent(element("span", "", label.text));
      tip.addTo(map);
      tips.push(tip);
      labels.push(tip.getElement());
    });
    // Where labels would cover each other, the earlier one (the larger district) stays.
    function thin() {
      const taken = [];
      labels.forEach((label) => {
        label.style.visibility = "visible";
        const box = label.getBoundingClientRect();
        const hit = taken.some((other) => box.left < other.right && other.left < box.right
          && box.top < other.bottom && other.top < box.bottom);
        if (hit) label.style.visibility = "hidden";
        else taken.push(box);
      });
    }
    map.on("zoomend moveend resize", thin);
    return () => {
      tips.forEach((tip) => tip.update());
      thin();
    };
  }

  // streamlit-folium does not wait for style sheets; sizes are right only once they apply.
  function whenStyled(then) {
    const links = Array.from(document.querySelectorAll("link[rel=stylesheet]"));
    if (links.every((link) => link.sheet)) then();
    else setTimeout(() => whenStyled(then), 25);
  }

  function parks(map, payload) {
    const layer = L.geoJSON(payload.parks, {
      style: (feature) => ({
        color: outline, weight: 1, fillColor: feature.properties.colour, fillOpacity: 0.9,
        dashArray: feature.properties.unknown ? "4 3" : null,
      }),
      onEachFeature: (feature, shape) => {
        shape.bindTooltip(note(feature.properties.lines), { sticky: true, className: "pv-note" });
        shape.on("mouseover", () => shape.setStyle({ weight: 3 }));
        shape.on("mouseout", () => layer.resetStyle(shape));
      },
    });
    layer.addTo(map);
  }

  function base(map, payload) {
    const bounds = L.latLngBounds(payload.bounds);
    const whole = () => map.fitBounds(bounds, { animate: false, padding: [10, 10] });
    const home = element("button", "pv-home", payload.words.whole_city);
    home.type = "button";
    L.DomEvent.disableClickPropagation(home);
    L.DomEvent.on(home, "click", whole);
    map.on("pv-home", whole);
    L.control.zoom({
      position: "topleft", zoomInTitle: payload.words.zoom_in, zoomOutTitle: payload.words.zoom_out,
    }).addTo(map);
    control("topleft", home).addTo(map);
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
    if (payload.words.badge) {
      control("topright", element("div", "pv-badge", payload.words.badge)).addTo(map);
    }
    control("topright", card(payload.words.legend, payload.legend)).addTo(map);
    const container = map.getContainer();
    container.setAttribute("role", "region");
    container.setAttribute("aria-label", payload.words.region);
    // The wheel moves the page until the reader has taken hold of the map.
    map.scrollWheelZoom.disable();
    container.addEventListener("pointerdown", () => map.scrollWheelZoom.enable());
    container.addEventListener("pointerleave", () => map.scrollWheelZoom.disable());
    whole();
    const placeLabels = districts(map, payload);
    parks(map, payload);
    let moved = false;
    map.once("pv-roofs", () => { moved = true; });
    whenStyled(() => {
      map.invalidateSize({ animate: false });
      if (!moved) whole();
      placeLabels();
    });
  }

  function roofs(group, payload) {
    let map = null;
    const corner = control("bottomright", card(payload.words.roofs, payload.legend));
    const ground = L.geoJSON(payload.ground, {
      interactive: false, style: { color: outline, weight: 2.5, fillColor: "#ffffff" },
    }).addTo(group);
    // Near, a white ground lets the roofs be seen; from afar the park keeps its class's colour.
    const shade = () => ground.setStyle({ fillOpacity: map.getZoom() < nearZoom ? 0 : 0.88 });
    L.geoJSON(payload.roofs, {
      style: (feature) => ({
        color: outline, weight: 0.7, fillColor: feature.properties.colour, fillOpacity: 0.95,
      }),
      onEachFeature: (feature, shape) => {
        shape.bindTooltip(note(feature.properties.lines), { sticky: true, className: "pv-note" });
      },
    }).addTo(group);
    group.on("add", (event) => {
      map = event.target._map;
      corner.addTo(map);
      map.on("zoomend", shade);
      map.fire("pv-roofs");
      if (payload.bounds) {
        // Room at the right for the legends.
        map.fitBounds(payload.bounds, {
          animate: false, paddingTopLeft: [24, 24], paddingBottomRight: [130, 24],
        });
      }
      shade();
    });
    // Where another park follows at once, its own "add" decides the view.
    group.on("remove", () => {
      corner.remove();
      map.off("zoomend", shade);
      map.fire("pv-home");
    });
  }

  return { base: base, roofs: roofs };
})();
