using System.Collections.Frozen;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Passwords that guessing starts with. Lists of leaked passwords are mostly a few hundred words with the same endings and swaps, so
/// the words are kept and a password is brought back to its word; rows of keys and repetitions are found by their shape.
/// </summary>
internal static class CommonPasswords
{
    private const string Swaps = "0o1l3e4a5s7t@a$s!i";

    private static readonly string[] Rows =
    [
        "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "01234567890", "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
        "qazwsxedcrfvtgbyhnujmikolp", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "qwertyuiopasdfghjklzxcvbnm", "!@#$%^&*()", "741852963", "789456123", "147258369",
    ];

    private static readonly FrozenSet<string> Words = (
        "aaaa aaaaaa abc abcabc abcd access account adam adidas admin adminadmin administrator aichat alexander alexis amanda america andrea andrew angel " +
        "angela anthony apple arsenal asdf asdfasdf asdfgh ashley assword austin autumn babygirl bailey banana baseball basketball batman beautiful " +
        "benjamin berlin bigdaddy biteme blahblah blessed blink bond boston brandon brandy brooklyn bubbles buster butterfly camaro canada captain " +
        "carlos casper changeme changeit changethis charlie charlotte cheese chelsea cherry chicago chicken china chocolate chris christian christine " +
        "christopher classic coffee company compaq computer confirm cookie corvette cowboy cowboys crystal daniel danielle darkness database david " +
        "default demo demodemo destiny diamond dolphin dolphins donald dragon eagles einstein elephant elizabeth emily eminem enter fallout family " +
        "fender ferrari fish flower flowers football forever france frank freedom friend friends fuck fuckme fuckyou fuckoff gandalf gateway george " +
        "germany ginger god golden golfer google guest guitar hammer hannah happy hardcore harley heather heaven hello helloworld hello world hockey " +
        "home hunter iceman iloveu iloveyou india internet jackson jackie james jasmine jason jasper jennifer jeremy jessica jesus jesuschrist john " +
        "johnny jonathan jordan joseph joshua justin keepout killer kimberly king knight kristina ladies lakers laura legend letmein letmeinn liberty " +
        "lifetime liverpool login london loveme lovely lover loverboy loveyou lucky maggie manager manchester marina marlboro martin master " +
        "matrix matthew maverick maxwell melissa mercedes merlin metallica michael michelle microsoft midnight mike minecraft mobile money monkey monster morgan " +
        "mother mustang myspace mypassword naruto natasha nathan newyork nicholas nicole nintendo nirvana nothing null oliver online orange " +
        "pass passion passpass password passwd passw passwort password password patricia patrick peaches peanut pepper phoenix player please pokemon " +
        "porsche power precious prince princess private public purple pussy qwer qwert qwerty qwertyqwerty rabbit rachel raiders rainbow ranger " +
        "rebecca redsox richard robert rockyou ronaldo root rootroot running russia samantha samsung sandra sarah scooter scorpion secret secure security " +
        "sebastian server shadow shannon silver simple single slayer smokey snoopy soccer sophie spider spiderman standard starwars steelers stella " +
        "steven summer sunflower sunshine super superman superstar support sweet swordfish system taylor team temp temporary temppass test testing testpass tester " +
        "testtest thankyou thomas thunder tiger tigger tinkerbell toyota trustme trustno travel trouble tucker turtle twitter unknown user username " +
        "victor victoria viking vincent virginia voyager warcraft warrior welcome welcomehome whatever william wilson winner winter wizard woaini woaiwojia " +
        "xiaoming xxx xxxx yankees yellow yourpassword zaq zxcvbn zxcvbnm zhang wang mima nihao woainimama contrasena motdepasse geheim passwortt senha parola haslo heslo lozinka")
        .Split(' ').ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> Digits = (
        "5201314 1314520 13145200 52013140 11223344 12341234 12344321 123123123 123321123 112233445566 12312312 10203040 102030405060 19871987 20002000 " +
        "88888888 66666666 147147147 159357159 159753159 741741741 987654321 9876543210 87654321 12345678910 1234567899 1234512345 a1b2c3d4 a1b2c3d4e5 1a2b3c4d " +
        "aa123456 a123456789 abc12345 q1w2e3r4t5 1qaz2wsx 1qaz@wsx p@ssw0rd pa55word pa$$word passw0rd trustno1 ncc1701 1234qwer qwer1234 asdf1234 zaq12wsx zaq1zaq1")
        .Split(' ').ToFrozenSet(StringComparer.Ordinal);

    public static bool Contains(string password)
    {
        var lower = password.ToLowerInvariant();
        return Digits.Contains(lower) || IsRepetition(lower) || IsRow(lower) || IsWord(lower);
    }

    /// <summary>One or a few characters again and again: "aaaaaaaa", "abcabcabc", "12121212".</summary>
    private static bool IsRepetition(string text) =>
        Enumerable.Range(1, 4).Any(unit => text.Length >= 2 * unit && text.Select((c, at) => c == text[at % unit]).All(same => same));

    /// <summary>A run along the keyboard or the alphabet, either way, maybe twice: "qwertyui", "87654321", "asdfghjkl;".</summary>
    private static bool IsRow(string text)
    {
        var trimmed = text.TrimEnd('!', '.', ';');
        return Rows.Any(row => row.Contains(trimmed, StringComparison.Ordinal) || row.Contains(string.Concat(trimmed.Reverse()), StringComparison.Ordinal));
    }

    private static bool IsWord(string text)
    {
        var core = text.Trim("0123456789!@#$%^&*()-_=+.,?*~ ".ToCharArray());
        if (Words.Contains(core) || Words.Contains(Unswap(core)))
        {
            return true;
        }

        // Swapped letters may stand at the end too: "passw0rd1", "trustno1".
        var letters = Unswap(text.TrimEnd("0123456789!?.#*".ToCharArray()));
        return Words.Contains(letters) || Words.Contains(Unswap(text));
    }

    private static string Unswap(string text) => string.Concat(text.Select(c => Swaps.IndexOf(c) is var at && at >= 0 && at % 2 == 0 ? Swaps[at + 1] : c));
}
