using System.Diagnostics;
using AiChat.Data.Chats;
using AiChat.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>The search finds what a naive search finds, in time that does not depend on the searched text.</summary>
public sealed class TextPatternTests
{
    [Fact]
    public void It_finds_what_a_naive_search_finds()
    {
        var random = new Random(7);
        string[] alphabets = ["ab", "aA", "aB1", "жЖщ", "аb-", "人工", "%_\\", "əƏʒ"];
        for (var i = 0; i < 20_000; i++)
        {
            var alphabet = alphabets[i % alphabets.Length];
            var (text, term) = (Letters(random.Next(0, 40)), Letters(random.Next(1, 7)));

            var found = new TextPattern(term).Find(text) is (var start, > 0) ? start : -1;
            Assert.True(text.IndexOf(term, StringComparison.OrdinalIgnoreCase) == found, $"{term} in {text}");

            string Letters(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => alphabet[random.Next(alphabet.Length)]));
        }
    }

    [Theory]
    [InlineData("a", "b")]
    [InlineData("ж", "ъ")]
    [InlineData("%", "_")]
    [InlineData("人", "工")]
    [InlineData("ab", "b")]
    public void One_letter_200_times_costs_no_more_than_any_other_term(string repeated, string last)
    {
        var text = string.Concat(Enumerable.Repeat(repeated, 4_000_000 / repeated.Length));
        var term = string.Concat(Enumerable.Repeat(repeated, 198 / repeated.Length));
        var begun = Stopwatch.GetTimestamp();

        Assert.False(new TextPattern(term + last + last).IsIn(text));
        var snippet = Snippet.From(text, [new TextPattern(term)]);

        Assert.True(snippet.Text.Length < 200);
        Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(2), "It compared anew at every place.");
    }

    [Fact]
    public void A_search_is_bounded_however_many_words_it_has()
    {
        var terms = SearchTerms.Parse(string.Join(' ', Enumerable.Range(0, 60).Select(i => (char)('a' + i % 26))) + " Word word WORD")!;

        Assert.Equal(10, terms.Patterns.Count);
        Assert.Equal(4, SearchTerms.Parse(new string('x', 50) + "abcdefghijklmnopq")!.Match!.Split(" AND ").Length);
        Assert.Single(SearchTerms.Parse("Word word WORD")!.Patterns);
        Assert.Equal("\"xxx\"", SearchTerms.Parse(new string('x', 200))!.Match);
        Assert.StartsWith("\"e f\" AND \"n o\" AND ", SearchTerms.Parse("\"the function of\"")!.Match);
    }
}
