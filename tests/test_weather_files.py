"""Weather files: every format in, one whole plausible year out; labels found by closure."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pvlib.solarposition import get_solarposition

from pvplan.errors import InputError
from pvplan.sources import weather as door
from pvplan.sources.weather import label_scan, read_weather, write_weather
from pvplan.sources.weather_closure import noon_lag_minutes, noon_warning
from pvplan.tables import Weather

LATITUDE, LONGITUDE, ALTITUDE = 31.4, 121.45, 5.5


@lru_cache
def made(sun_minutes: float, utc_offset: int = 8, year: int = 2021) -> pd.DataFrame:
    """Return 8760 h of a sky that closes: the sun stands `sun_minutes` after each hour's start."""
    begin = pd.date_range(f"{year}-01-01", periods=8760, freq="h", tz=f"Etc/GMT{-utc_offset:+d}")
    sun = get_solarposition(begin + pd.Timedelta(minutes=sun_minutes), LATITUDE, LONGITUDE)
    high = np.clip(np.cos(np.radians(sun["zenith"].to_numpy())), 0.0, None)
    # Bright and dull days in turn, so that neither beam nor diffuse is everything.
    dull = np.repeat(np.arange(365) % 3 == 0, 24)
    dni = np.where(dull, 80.0, 700.0) * (high > 0.02)
    dhi = np.where(dull, 350.0, 110.0) * high
    wave = np.sin(np.arange(8760) / 24.0 * 2.0 * np.pi)
    hours = pd.DataFrame(
        {
            "ghi": dni * high + dhi,
            "dni": dni,
            "dhi": dhi,
            "temp_air": 16.0 + 6.0 * wave,
            "wind_speed": 2.5 + wave,
        }
    ).round(2)
    hours.insert(0, "begin", begin.tz_localize(None))
    return hours


def epw(hours: pd.DataFrame, *, head: str | None = None, comment: str = "") -> str:
    """Write EPW by its data dictionary: 8 header lines, 35 fields, hours 1 to 24."""
    lines = [
        head or f"LOCATION,Shanghai,-,CHN,CSWD,583620,{LATITUDE},{LONGITUDE},8.0,{ALTITUDE}",
        "DESIGN CONDITIONS,0",
        "TYPICAL/EXTREME PERIODS,0",
        "GROUND TEMPERATURES,0",
        "HOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0",
        "COMMENTS 1,made for a test",
        f"COMMENTS 2,{comment}",
        "DATA PERIODS,1,1,Data,Sunday, 1/ 1,12/31",
    ]
    for row in hours.itertuples():
        at = row.begin
        lines.append(
            f"{at.year},{at.month},{at.day},{at.hour + 1},0,?9,{row.temp_air},5.0,80,101300,9999,"
            f"9999,300,{row.ghi},{row.dni},{row.dhi},999900,999900,999900,9999,180,"
            f"{row.wind_speed},5,5,9999,99999,9,999999999,99,0.1,0,88,0.2,0,0"
        )
    return "\n".join(lines) + "\n"


def pvgis_csv(hours: pd.DataFrame, offset: str = "Irradiance Time Offset (h): 0.1761\n") -> str:
    months = "".join(f"{month},{2005 + month}\n" for month in range(1, 13))
    rows = "".join(
        f"{at.begin:%Y%m%d:%H%M},{at.temp_air},80.0,{at.ghi},{at.dni or '-0.0'},{at.dhi},300.0,"
        f"{at.wind_speed},180.0,101300.0\n"
        for at in hours.itertuples()
    )
    return (
        f"Latitude (decimal degrees): {LATITUDE}\nLongitude (decimal degrees): {LONGITUDE}\n"
        f"Elevation (m): {ALTITUDE}\n{offset}month,year\n{months}"
        "time(UTC),T2m,RH,G(h),Gb(n),Gd(h),IR(h),WS10m,WD10m,SP\n"
        f"{rows}\nT2m: 2-m air temperature (degree Celsius)\nG(h): Global irradiance (W/m2)\n"
    )


def pvgis_json(hours: pd.DataFrame) -> str:
    rows = [
        {
            "time(UTC)": f"{at.begin:%Y%m%d:%H%M}", "T2m": at.temp_air, "RH": 80.0, "G(h)": at.ghi,
            "Gb(n)": at.dni, "Gd(h)": at.dhi, "IR(h)": 300.0, "WS10m": at.wind_speed,
            "WD10m": 180.0, "SP": 101300.0,
        }
        for at in hours.itertuples()
    ]  # fmt: skip
    place = {"latitude": LATITUDE, "longitude": LONGITUDE, "elevation": ALTITUDE}
    return json.dumps(
        {
            "inputs": {
                "location": place | {"irradiance_time_offset": 0.1761},
                "meteo_data": {"radiation_db": "PVGIS-SARAH3", "meteo_db": "ERA5"},
            },
            "outputs": {
                "months_selected": [{"month": m, "year": 2005 + m} for m in range(1, 13)],
                "tmy_hourly": rows,
            },
            "meta": {"inputs": {"location": {"description": "Selected location"}}},
        }
    )


def tmy3(hours: pd.DataFrame) -> str:
    head = f'583620,"SHANGHAI",SH,8.0,{LATITUDE},{LONGITUDE},{ALTITUDE}\n'
    columns = (
        "Date (MM/DD/YYYY),Time (HH:MM),ETR (W/m^2),GHI (W/m^2),DNI (W/m^2),DHI (W/m^2),"
        "Dry-bulb (C),Wspd (m/s)\n"
    )
    rows = "".join(
        f"{at.begin:%m/%d/%Y},{at.begin.hour + 1:02d}:00,0,{at.ghi},{at.dni},{at.dhi},"
        f"{at.temp_air},{at.wind_speed}\n"
        for at in hours.itertuples()
    )
    return head + columns + rows


def nasa(
    hours: pd.DataFrame, *, clock: str = "LST", unit: str = "Wh/m^2", scale: float = 1.0,
    beam: bool = True,
) -> str:  # fmt: skip
    words = {
        "ALLSKY_SFC_SW_DWN": ("ghi", f"CERES SYN1deg All Sky Surface Shortwave Downward ({unit})"),
        "ALLSKY_SFC_SW_DNI": ("dni", f"CERES SYN1deg Direct Normal Irradiance ({unit})"),
        "ALLSKY_SFC_SW_DIFF": ("dhi", f"CERES SYN1deg Diffuse Irradiance ({unit})"),
        "T2M": ("temp_air", "MERRA-2 Temperature at 2 Meters (C)"),
        "WS10M": ("wind_speed", "MERRA-2 Wind Speed at 10 Meters (m/s)"),
    }
    if not beam:
        del words["ALLSKY_SFC_SW_DNI"], words["ALLSKY_SFC_SW_DIFF"]
    table = pd.DataFrame(
        {"YEAR": hours.begin.dt.year, "MO": hours.begin.dt.month, "DY": hours.begin.dt.day,
         "HR": hours.begin.dt.hour}
    )  # fmt: skip
    for word, (name, _) in words.items():
        table[word] = hours[name] / scale if name in ("ghi", "dni", "dhi") else hours[name]
    parameters = "".join(f"{word:<22}{text} \n" for word, (_, text) in words.items())
    return (
        "-BEGIN HEADER-\n"
        "NASA/POWER CERES/MERRA2 Native Resolution Hourly Data \n"
        f"Dates (month/day/year): 01/01/2021 through 12/31/2021 in {clock}\n"
        f"Location: Latitude  {LATITUDE}   Longitude {LONGITUDE} \n"
        "Elevation from MERRA-2: Average for 0.5 x 0.625 degree lat/lon region = 5.5 meters\n"
        "The value for missing source data that cannot be computed or is outside of the sources "
        "availability range: -999 \nParameter(s): \n"
        f"{parameters}-END HEADER-\n" + table.to_csv(index=False)
    )


def save(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- real files -------------------------------------------------------------------------------

REAL = [
    # file, yearly GHI, DNI, DHI [kWh/m²], ratio, best offset, disagrees
    ("wx_shanghai_cswd_epw/CHN_Shanghai.Shanghai.583620_CSWD.epw",
     1271.3, 938.2, 613.7, 0.952, -30.0, False),
    ("wx_east_asia_epw/JPN_Tokyo.Hyakuri.477150_IWEC.epw",
     1306.8, 935.3, 736.4, 1.000, -30.0, False),
    ("wx_east_asia_epw/TWN_Taipei.466960_IWEC.epw", 1422.8, 832.9, 819.5, 1.000, -30.0, False),
    ("wx_east_asia_epw/KOR_SO_Seoul.WS.471080_TMYx.2007-2021.epw",
     1568.2, 1739.6, 560.6, 0.991, 0.0, True),
]  # fmt: skip


@pytest.mark.parametrize(("file", "ghi", "dni", "dhi", "ratio", "best", "disagrees"), REAL)
def test_real_files_are_read_and_their_label_is_found(
    shared_data: Path, file: str, ghi: float, dni: float, dhi: float, ratio: float, best: float,
    disagrees: bool,
) -> None:  # fmt: skip
    weather = read_weather(shared_data / file)
    sums = weather.hourly[["ghi", "dni", "dhi"]].sum() / 1000.0
    assert sums.tolist() == pytest.approx([ghi, dni, dhi], abs=0.05)
    assert weather.label == "end"
    times = pd.DatetimeIndex(weather.hourly.index)
    assert len(times) == 8760 and (np.diff(times.asi8) == np.diff(times.asi8)[0]).all()
    assert times[0].strftime("%m-%d %H:%M") == "01-01 01:00"
    assert times[-1].strftime("%m-%d %H:%M") == "01-01 00:00"
    assert set(weather.sun_times.year) == {door.COMMON_YEAR}
    scan = label_scan(weather)
    assert scan.stated_offset_minutes == -30.0
    assert scan.closure_ratio == pytest.approx(ratio, abs=6e-4)
    assert scan.best_offset_minutes == best
    assert (scan.warning is not None) == disagrees
    assert scan.closes(0.02) == (ratio > 0.98)


def test_no_weather_file_of_the_shared_data_is_left_unread(shared_data: Path) -> None:
    files = sorted(path.relative_to(shared_data) for path in shared_data.glob("wx_*/*.epw"))
    assert [str(path) for path in files] == sorted(case[0] for case in REAL)


def test_the_seoul_file_closes_once_its_label_is_given(shared_data: Path) -> None:
    weather = read_weather(shared_data / REAL[3][0], label="middle")
    scan = label_scan(weather)
    assert (scan.stated_offset_minutes, scan.warning) == (0.0, None)
    assert scan.closure_rmse_w_per_m2 == pytest.approx(6.5, abs=0.1)


def test_values_are_the_rows_of_the_file(shared_data: Path) -> None:
    path = shared_data / REAL[1][0]
    weather = read_weather(path)
    for row in (0, 11, 4000, 8759):
        fields = path.read_text(encoding="latin-1").splitlines()[8 + row].split(",")
        assert weather.hourly.iloc[row].tolist() == [float(fields[k]) for k in (13, 14, 15, 6, 21)]
        assert weather.hourly.index[row].hour == int(fields[3]) % 24


# --- formats ----------------------------------------------------------------------------------


def truth(sun_minutes: float, utc_offset: int) -> np.ndarray:
    """Return the five columns in Shanghai's clock, whatever the clock of the file was."""
    hours = made(sun_minutes, utc_offset).drop(columns="begin").to_numpy()
    return np.roll(hours, 8 - utc_offset, axis=0)


def check(weather: Weather, *, sun_minutes: float, utc_offset: int, label: str, first: str) -> None:
    assert weather.label == label
    assert weather.hourly.index[0].isoformat() == first
    place = (weather.latitude, weather.longitude, weather.altitude_m)
    assert place == (LATITUDE, LONGITUDE, ALTITUDE)
    np.testing.assert_allclose(
        weather.hourly.to_numpy(), truth(sun_minutes, utc_offset), rtol=1e-9, atol=1e-9
    )
    scan = label_scan(weather)
    assert scan.warning is None
    assert scan.closure_ratio == pytest.approx(1.0, abs=2e-3)
    assert scan.closure_rmse_w_per_m2 < 3.0


def test_epw(tmp_path: Path) -> None:
    weather = read_weather(save(tmp_path, "a.epw", epw(made(30.0))))
    check(weather, sun_minutes=30.0, utc_offset=8, label="end", first="2022-01-01T01:00:00+08:00")


def test_tmy3(tmp_path: Path) -> None:
    weather = read_weather(save(tmp_path, "a.csv", tmy3(made(30.0))))
    check(weather, sun_minutes=30.0, utc_offset=8, label="end", first="2022-01-01T01:00:00+08:00")


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_pvgis_is_instant_with_its_offset_and_told_in_local_hours(
    tmp_path: Path, kind: str
) -> None:
    text = {"csv": pvgis_csv, "json": pvgis_json}[kind](made(0.1761 * 60.0, 0))
    weather = read_weather(save(tmp_path, f"tmy.{kind}", text))
    assert weather.offset_minutes == pytest.approx(10.566)
    check(
        weather, sun_minutes=0.1761 * 60.0, utc_offset=0, label="instant",
        first="2022-01-01T00:00:00+08:00",
    )  # fmt: skip


def test_pvgis_of_old_states_no_offset_and_the_scan_shows_it(tmp_path: Path) -> None:
    weather = read_weather(save(tmp_path, "tmy.csv", pvgis_csv(made(30.0, 0), offset="")))
    assert (weather.label, weather.offset_minutes) == ("instant", 0.0)
    scan = label_scan(weather)
    assert scan.best_offset_minutes == 30.0
    assert scan.warning is not None and "+30 minutes" in scan.warning


@pytest.mark.parametrize("utc_offset", [0, 8], ids=["rows in UTC", "rows in the stated zone"])
def test_pvgis_epw_is_read_on_the_clock_that_closes(tmp_path: Path, utc_offset: int) -> None:
    text = epw(made(0.1761 * 60.0, utc_offset), comment="Irradiance Time Offset (h):-0.8239")
    weather = read_weather(save(tmp_path, "tmy.epw", text))
    assert weather.offset_minutes == pytest.approx(-49.434)
    assert ("read as UTC" in weather.source) == (utc_offset == 0)
    check(
        weather, sun_minutes=0.1761 * 60.0, utc_offset=utc_offset, label="instant",
        first="2022-01-01T01:00:00+08:00",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("Wh/m^2", 1.0), ("W/m^2", 1.0), ("kW-hr/m^2/hour", 1000.0), ("MJ/hr", 1 / 0.0036)],
)
def test_nasa_power_units(tmp_path: Path, unit: str, scale: float) -> None:
    weather = read_weather(save(tmp_path, "p.csv", nasa(made(30.0), unit=unit, scale=scale)))
    check(weather, sun_minutes=30.0, utc_offset=8, label="start", first="2022-01-01T00:00:00+08:00")


def test_nasa_power_in_utc_is_told_in_local_hours(tmp_path: Path) -> None:
    weather = read_weather(save(tmp_path, "p.csv", nasa(made(30.0, 0), clock="UTC")))
    check(weather, sun_minutes=30.0, utc_offset=0, label="start", first="2022-01-01T00:00:00+08:00")


def test_nasa_power_without_beam_leaves_it_open_but_never_ghi(tmp_path: Path) -> None:
    weather = read_weather(save(tmp_path, "p.csv", nasa(made(30.0), beam=False)))
    assert weather.hourly[["dni", "dhi"]].isna().all(axis=None)
    assert weather.hourly["ghi"].notna().all()
    assert np.isnan(label_scan(weather).closure_ratio) and not label_scan(weather).closes(0.5)
    gap = made(30.0).copy()
    gap.loc[5000:5003, "ghi"] = -999.0
    with pytest.raises(InputError, match=r"g\.csv: ghi: 4 rows missing .*line 5016 = nan"):
        read_weather(save(tmp_path, "g.csv", nasa(gap)))
    with pytest.raises(InputError, match=r"ALLSKY_SFC_SW_DWN in cal/cm\^2, not one of"):
        read_weather(save(tmp_path, "u.csv", nasa(made(30.0), unit="cal/cm^2")))


def test_our_own_csv_comes_back_equal(tmp_path: Path, shared_data: Path) -> None:
    weather = read_weather(shared_data / REAL[0][0])
    for name, changed in {
        "end.csv": weather,
        "instant.csv": replace(
            read_weather(save(tmp_path, "t.csv", pvgis_csv(made(0.1761 * 60.0, 0)))),
            source="two\nlines",
        ),
    }.items():
        write_weather(changed, tmp_path / name)
        back = read_weather(tmp_path / name)
        pd.testing.assert_frame_equal(back.hourly, changed.hourly, check_exact=True)
        assert back.sun_times.equals(changed.sun_times)
        assert (back.label, back.offset_minutes) == (changed.label, changed.offset_minutes)
        assert back.source == " ".join(changed.source.split())
    assert not list(tmp_path.glob("*.part"))


def test_a_leap_day_is_removed_and_said(tmp_path: Path) -> None:
    hours = made(30.0)
    year = pd.date_range("2020-01-01", periods=8784, freq="h")
    leap = (year.month == 2) & (year.day == 29)
    values = hours.drop(columns="begin").to_numpy()
    rows = np.insert(values, 59 * 24, np.repeat(values[58 * 24][None], 24, axis=0), axis=0)
    long = pd.DataFrame(rows, columns=hours.columns[1:])
    long.insert(0, "begin", year)
    weather = read_weather(save(tmp_path, "p.csv", nasa(long)))
    assert leap.sum() == 24 and "24 rows of 29 February removed" in weather.source
    np.testing.assert_array_equal(weather.hourly.to_numpy(), values)


# --- bad files --------------------------------------------------------------------------------


def broken(tmp_path: Path, text: str, pattern: str) -> None:
    with pytest.raises(InputError, match=pattern) as caught:
        read_weather(save(tmp_path, "bad.epw", text))
    assert all(fault.startswith("bad.epw: ") for fault in caught.value.faults)


def test_8761_rows(tmp_path: Path) -> None:
    hours = made(30.0)
    more = pd.concat([hours, hours.tail(1).assign(begin=pd.Timestamp("2022-01-01"))])
    broken(tmp_path, epw(more), r"8761 rows of hours.*\n.*1 hours occur twice.*line 8769")


def test_gaps_name_the_first_missing_hour_and_its_line(tmp_path: Path) -> None:
    hours = made(30.0).drop(index=[100, 101, 5000])
    broken(
        tmp_path,
        epw(hours),
        r"3 hours are missing \(first: the hour from 01-05 04:00, after line 108",
    )
    with pytest.raises(InputError, match=r"8757 rows.*\n.*3 hours are missing .*after line 118"):
        read_weather(save(tmp_path, "gap.csv", pvgis_csv(hours)))
    with pytest.raises(InputError, match=r"3 hours are missing .*after row 100"):
        read_weather(save(tmp_path, "gap.json", pvgis_json(hours)))


def test_rows_out_of_order(tmp_path: Path) -> None:
    hours = made(30.0)
    order = np.arange(8760)
    order[[50, 51]] = order[[51, 50]]
    broken(tmp_path, epw(hours.iloc[order]), r"not in order of time \(first at line 60\)")


def test_all_implausible_columns_are_named_at_once(tmp_path: Path) -> None:
    hours = made(30.0).copy()
    hours.loc[[10, 11, 12, 13], "temp_air"] = 99.9
    hours.loc[20, "wind_speed"] = 999.0
    hours.loc[3000, "ghi"] = 9999.0
    hours.loc[4000, "dni"] = 9999.0  # the code for missing beam: allowed to be absent
    with pytest.raises(InputError) as caught:
        read_weather(save(tmp_path, "bad.epw", epw(hours)))
    assert len(caught.value.faults) == 3
    text = str(caught.value)
    assert "ghi: 1 rows missing or outside 0..1500 W/m² (line 3009 = 9999)" in text
    assert "temp_air: 4 rows" in text and "line 19 = 99.9, line 20 = 99.9" in text
    assert "wind_speed: 1 rows" in text


def test_a_year_without_light(tmp_path: Path) -> None:
    broken(tmp_path, epw(made(30.0).assign(ghi=0.0)), r"ghi: no hour of the year has any light")


def test_another_hemisphere_another_zone_another_label(tmp_path: Path, shared_data: Path) -> None:
    text = (shared_data / REAL[0][0]).read_text(encoding="latin-1")
    south = text.replace("583620,31.40,", "583620,-31.40,", 1)
    broken(tmp_path, south, r"more than the sun can give.*other hemisphere; correct its sign")
    west = text.replace(",121.45,8.0,", ",-121.45,8.0,", 1)
    broken(tmp_path, west, r"time zone \+8 h at longitude -121\.45.*sign of the longitude")
    hour_off = text.replace(",121.45,8.0,", ",121.45,9.5,", 1)
    broken(
        tmp_path, hour_off, r"fits \+?-?\d+ minutes from the label; give the right --weather-label"
    )
    far = text.replace(",31.40,121.45,8.0,", ",31.40,75.45,8.0,", 1)
    broken(tmp_path, far, r"weather of another place")
    with pytest.raises(InputError, match=r"more than the sun can give.*label 'start'"):
        read_weather(shared_data / REAL[0][0], label="start")


def test_files_that_are_no_weather(tmp_path: Path) -> None:
    cases = {
        "empty.epw": ("", "the file is empty"),
        "other.csv": ("a,b\n1,2\n", "not a weather format that is read here .first line 'a,b'"),
        "cut.epw": (epw(made(30.0).head(0)), "cannot be read as epw|0 rows of hours"),
        "head.epw": ("LOCATION,x\n", "cannot be read as epw"),
        "power.csv": ("-BEGIN HEADER-\nno end\n", "cannot be read as nasa_power .the header has"),
        "tmy.json": ('{"inputs": {}}', "cannot be read as pvgis_json"),
        "own.csv": (
            "# format: pvplan weather 1\n# latitude: 1\ntime\n",
            "header lines missing: # long",
        ),
    }
    for name, (text, pattern) in cases.items():
        with pytest.raises(InputError, match=rf"{name}: .*{pattern}".replace("|", rf"|{name}: .*")):
            read_weather(save(tmp_path, name, text))
    with pytest.raises(InputError, match=r"absent\.epw: cannot be opened"):
        read_weather(tmp_path / "absent.epw")


def test_files_too_large_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.epw"
    with path.open("wb") as file:
        file.truncate(door.MAX_BYTES + 1)
    with pytest.raises(InputError, match=r"large\.epw: 105 MB; .* below 105 MB"):
        read_weather(path)


def test_unknown_words_name_the_nearest(tmp_path: Path) -> None:
    path = save(tmp_path, "a.epw", epw(made(30.0)))
    with pytest.raises(InputError, match="--weather-label: 'ends' is unknown; did you mean 'end'"):
        read_weather(path, label="ends")
    with pytest.raises(InputError, match="weather format 'ewp' is unknown; did you mean 'epw'"):
        read_weather(path, format="ewp")


def test_own_csv_faults_are_named(tmp_path: Path) -> None:
    weather = read_weather(save(tmp_path, "a.epw", epw(made(30.0))))
    write_weather(weather, tmp_path / "own.csv")
    text = (tmp_path / "own.csv").read_text(encoding="utf-8")
    for old, new, pattern in [
        ("label: end", "label: ende", "label 'ende' is unknown; did you mean 'end'"),
        ("timezone: +08:00", "timezone: CST", "timezone 'CST'; write it as"),
        ("T01:00:00+08:00", "T01:00:00", "has no UTC offset"),
        ("T02:00:00", "T02:30:00", "different minutes of the hour"),
        ("wind_speed", "wind", "no column wind_speed"),
    ]:
        with pytest.raises(InputError, match=rf"bad\.csv: cannot be read as pvplan .*{pattern}"):
            read_weather(save(tmp_path, "bad.csv", text.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("file", "minutes", "side"),
    [
        ("wx_shanghai_cswd_epw/CHN_Shanghai.Shanghai.583620_CSWD.epw", 28.5, "after"),
        ("wx_east_asia_epw/KOR_SO_Seoul.WS.471080_TMYx.2007-2021.epw", -26.6, "before"),
        ("wx_east_asia_epw/JPN_Tokyo.Hyakuri.477150_IWEC.epw", 2.5, None),
        ("wx_east_asia_epw/TWN_Taipei.466960_IWEC.epw", -4.3, None),
    ],
)
def test_a_year_centres_on_solar_noon_or_is_doubted(
    shared_data: Path, file: str, minutes: float, side: str | None
) -> None:
    weather = read_weather(shared_data / file)
    assert noon_lag_minutes(weather) == pytest.approx(minutes, abs=0.2)
    warning = noon_warning(weather)
    assert (warning is None) == (side is None)
    assert side is None or (warning is not None and f"{side} solar noon" in warning)


def test_the_doubt_follows_the_label(shared_data: Path) -> None:
    """Half an hour of label is half an hour of noon: Seoul's year fits as an instant."""
    seoul = shared_data / "wx_east_asia_epw" / "KOR_SO_Seoul.WS.471080_TMYx.2007-2021.epw"
    assert noon_warning(read_weather(seoul, label="instant")) is None
