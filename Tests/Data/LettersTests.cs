using System.Text;
using AiChat.Data;
using AiChat.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>Letters in every form that they are written in, and the places of what is found as it is written.</summary>
public sealed class LettersTests
{
    [Theory]
    [InlineData("ÜBERWEISUNG", "u\u0308berweisung")]
    [InlineData("ПРИВЕТ, Ёлка", "привет, е\u0308лка")]
    [InlineData("ΣΊΣΥΦΟΣ", "σίσυφος")]
    [InlineData("STRAẞE", "straße")]
    [InlineData("Straße", "STRASSE")]
    [InlineData("cafe\u0301", "CAFÉ")]
    [InlineData("ＡＰＩ １２", "api 12")]
    [InlineData("ﾊﾟｿｺﾝ ｶﾞ", "パソコン カ\u3099")]
    [InlineData("oﬃce ﬁn", "OFFICE FIN")]
    [InlineData("İSTANBUL", "istanbul")]
    [InlineData("I\u0307STANBUL", "istanbul")]
    [InlineData("ISPARTA", "ısparta")]
    [InlineData("Über\u00adweisung\u200b", "überweisung")]
    [InlineData("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글")]
    [InlineData("ㅎㅏ", "하")]
    [InlineData("①㎏™ ½", "1kgtm 1⁄2")]
    [InlineData("𝐁𝐨𝐥𝐝 𝔸", "bold a")]
    [InlineData("VIỆT", "vie\u0302\u0323t")]
    [InlineData("a\u0301\u0323", "ạ\u0301")]
    [InlineData("q\u0307\u0323", "Q\u0323\u0307")]
    [InlineData("ᾳ ΐ", "ΑΙ Ϊ\u0301")]
    [InlineData("ǅ ǆ", "DŽ DZ\u030c")]
    [InlineData("K Å Ω", "k å ω")]
    [InlineData("և ﬓ", "ԵՒ ՄՆ")]
    [InlineData("Ა", "ა")]
    [InlineData("Ꭰ", "ꭰ")]
    [InlineData("𐐀", "𐐨")]
    [InlineData("❤\ufe0f", "❤")]
    [InlineData("ﷺ", "صلى الله عليه وسلم")]
    [InlineData("নো", "ন\u09c7\u09be")]
    [InlineData("\ufa30", "侮")]
    public void The_same_letters_fold_to_the_same(string one, string other)
    {
        Assert.Equal(Letters.Fold(one), Letters.Fold(other));
        Assert.Equal(Letters.Fold(one), Letters.Fold(Letters.Fold(one)));
        Assert.True(new TextPattern(one).IsIn($"before {other} after"));
    }

    [Theory]
    [InlineData("cafe", "café")]
    [InlineData("cafe", "cafe\u0301")]
    [InlineData("uber", "über")]
    [InlineData("カ", "ｶﾞ")]
    [InlineData("か", "カ")]
    [InlineData("ㅎ", "한")]
    [InlineData("o", "ø")]
    public void Other_letters_are_not_found(string term, string text) => Assert.False(new TextPattern(term).IsIn(text));

    /// <summary>Any text with one of these marks is the same when its marks come in another order or stand by themselves.</summary>
    [Fact]
    public void Any_order_of_marks_of_different_places_is_the_same()
    {
        var random = new Random(3);
        string[] above = ["\u0301", "\u0308", "\u0303", "\u0302"];
        string[] below = ["\u0323", "\u0327", "\u0331", "\u0328"];
        for (var round = 0; round < 2_000; round++)
        {
            var letter = "aeiouydtszAEIOUαω"[random.Next(17)];
            var (high, low) = (above[random.Next(4)], below[random.Next(4)]);

            Assert.Equal(Letters.Fold($"x{letter}{high}{low}y"), Letters.Fold($"x{letter}{low}{high}y"));
        }
    }

    [Theory]
    [InlineData("Die Straße ist gesperrt", "STRASSE", "Straße")]
    [InlineData("ein ﬁn", "in", "in")]
    [InlineData("nur ﬁ", "i", "ﬁ")]
    [InlineData("un cafe\u0301 ici", "CAFÉ", "cafe\u0301")]
    [InlineData("日本のﾊﾟｿｺﾝ教室", "パソコン", "ﾊﾟｿｺﾝ")]
    [InlineData("İİİ istanbul", "stan", "stan")]
    [InlineData("das 𝐁𝐨𝐥𝐝 da", "bold", "𝐁𝐨𝐥𝐝")]
    [InlineData("eine Über\u00adweisung kam", "überweisung", "Über\u00adweisung")]
    [InlineData("\u200bAb", "ab", "Ab")]
    [InlineData("aab", "ab", "ab")]
    [InlineData("ßsss", "sss", "ßs")]
    [InlineData("xe\u0301e\u0301", "éé", "e\u0301e\u0301")]
    public void The_place_is_that_in_the_text_as_it_is_written(string text, string term, string found)
    {
        var (start, length) = new TextPattern(term).Find(text);

        Assert.Equal(found, text.Substring(start, length));
    }

    /// <summary>A letter with a million marks, and texts that are no Unicode.</summary>
    [Fact]
    public void No_text_costs_more_than_its_length()
    {
        var marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 200_000));
        var begun = TimeProvider.System.GetTimestamp();

        Assert.True(new TextPattern("ende").IsIn($"a{marks}Ende"));
        Assert.True(new TextPattern("b").IsIn(string.Concat(Enumerable.Repeat("\u200b\ufdfa", 200_000)) + "B"));
        Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(3));
        Assert.True(new TextPattern("x").IsIn("\ud800X\udc00"));
        Assert.Equal("a\ud800", Letters.Fold("A\ud800"));
        Assert.Equal("", Letters.Fold("\u00ad\u200b"));
        Assert.False(new TextPattern("\u00ad").IsIn("a\u00adb"));
    }

    [Fact]
    public void Any_letters_of_Unicode_fold_again_to_themselves()
    {
        var random = new Random(5);
        for (var round = 0; round < 20_000; round++)
        {
            var text = new StringBuilder();
            for (var letter = 0; letter < 6; letter++)
            {
                var code = random.Next(random.Next(4) switch { 0 => 0x80, 1 => 0x600, 2 => 0x3400, _ => 0x20000 });
                text.Append(code is >= 0xD800 and < 0xE000 ? "-" : char.ConvertFromUtf32(code));
            }

            var folded = Letters.Fold(text.ToString());
            Assert.Equal(folded, Letters.Fold(folded));
        }
    }

    [Theory]
    [InlineData("Plain LETTERS", 1)]
    [InlineData("ﷺ", 20_000)] // each becomes eighteen, and the text outgrows what it began with
    [InlineData("Übergrößen", 10)]
    public void What_is_written_behind_a_folded_text_stays_as_it_is(string piece, int times)
    {
        var text = string.Concat(Enumerable.Repeat(piece, times));
        Assert.Equal(Letters.Fold(text) + "\u0003E", Letters.Fold(text, "\u0003E"));
        Assert.Equal(string.Concat(Enumerable.Repeat(Letters.Fold(piece), times)), Letters.Fold(text));
    }
}
