// When a text is prepared, and what of a server's answer is believed: without a server.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_prepared.h"

namespace vitals::prober {
namespace {

using Form = MssqlPrepared::Form;

std::string text_of(int number) {
    return "SELECT N'it''s' AS " + std::string(1000, 'x') + std::to_string(number);
}

ResultSet single(std::string column, Cell cell) {
    ResultSet set;
    set.columns = {std::move(column)};
    set.rows = {{std::move(cell)}};
    return set;
}

BatchReply reply_of(std::vector<ResultSet> sets) {
    BatchReply reply;
    reply.sets = std::move(sets);
    reply.read_at.resize(reply.sets.size());
    return reply;
}

ResultSet marker(const std::string& name = "server") {
    return single(std::string(marker_column), name);
}
ResultSet handle(Cell cell) {
    return single("vitals_handle", std::move(cell));
}

class PreparedTexts : public testing::Test {
  protected:
    // Brings the text to its handle.
    void prepare(const std::string& text, std::int64_t number) {
        if (prepared_.batch_for(text).form == Form::text) prepared_.batch_for(text);
        EXPECT_TRUE(answer(text, reply_of({handle(number), marker()})));
    }
    bool answer(const std::string& text, BatchReply reply) {
        const auto batch = prepared_.batch_for(text);
        EXPECT_NE(batch.form, Form::text);
        return prepared_.accept(batch, reply, "server");
    }
    std::string sql_of(const std::string& text) { return prepared_.batch_for(text).sql; }

    MssqlPrepared prepared_;
};

TEST_F(PreparedTexts, GoesOutTwiceAndThenNoMore) {
    EXPECT_EQ(prepared_.batch_for(text_of(1)).form, Form::text);
    auto batch = prepared_.batch_for(text_of(1));
    EXPECT_EQ(batch.form, Form::prepare);
    EXPECT_EQ(batch.sql, "DECLARE @h int;\nEXEC sp_prepare @h OUTPUT, NULL, N'SELECT N''it''''s'' AS " +
                             std::string(1000, 'x') + "1';\nSELECT @h AS vitals_handle;\nEXEC sp_execute @h");
    BatchReply reply = reply_of({handle(std::int64_t{7}), marker()});
    EXPECT_TRUE(prepared_.accept(batch, reply, "server"));
    batch = prepared_.batch_for(text_of(1));
    EXPECT_EQ(batch.form, Form::execute);
    EXPECT_EQ(batch.sql, "EXEC sp_execute 7");
    EXPECT_EQ(prepared_.batch_for(text_of(2)).form, Form::text) << "another text";
}

TEST_F(PreparedTexts, AShortOneIsNotWorthIt) {
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(prepared_.batch_for("SELECT 1").form, Form::text);
}

TEST_F(PreparedTexts, TheReplyIsThatOfTheText) {
    prepared_.batch_for(text_of(1));
    const auto batch = prepared_.batch_for(text_of(1));
    BatchReply reply = reply_of({handle(std::int64_t{7}), marker(), single("a", std::int64_t{1})});
    const auto data_at = reply.read_at[2] = Deadline::Clock::now();
    reply.errors = {{8179, 16, "of sp_unprepare", 0}, {50000, 16, "before the marker", 2}, {8134, 16, "of it", 5}};
    ASSERT_TRUE(prepared_.accept(batch, reply, "server"));
    ASSERT_EQ(reply.sets.size(), 2U);
    EXPECT_EQ(reply.sets[1].columns.front(), "a");
    ASSERT_EQ(reply.read_at.size(), 2U);
    EXPECT_EQ(reply.read_at[1], data_at);
    EXPECT_EQ(reply.errors[0].place, 0U);
    EXPECT_EQ(reply.errors[1].place, 0U);
    EXPECT_EQ(reply.errors[2].place, 3U);
}

TEST_F(PreparedTexts, AHandleIsANumberThatNoOtherTextHas) {
    for (const Cell& cell : {Cell{}, Cell{"7; SHUTDOWN"}, Cell{7.5}, Cell{std::int64_t{0}}, Cell{std::int64_t{1} << 31},
                             Cell{-(std::int64_t{1} << 31) - 1}, Cell{std::int64_t{5}}}) {
        prepared_ = {};
        prepare(text_of(5), 5);
        prepared_.batch_for(text_of(1));
        EXPECT_TRUE(answer(text_of(1), reply_of({handle(cell), marker()}))) << "it was answered all the same";
        EXPECT_TRUE(prepared_.switched_off()) << cell.index();
        EXPECT_EQ(prepared_.batch_for(text_of(5)).form, Form::text);
    }
    prepared_ = {};
    prepared_.batch_for(text_of(1));
    prepare(text_of(1), -5);
    EXPECT_EQ(sql_of(text_of(1)), "EXEC sp_execute -5");
}

TEST_F(PreparedTexts, AnAnswerBeginsWithItsMarker) {
    prepare(text_of(1), 7);
    EXPECT_FALSE(answer(text_of(1), reply_of({})));
    EXPECT_FALSE(answer(text_of(1), reply_of({marker("waits")})));
    EXPECT_FALSE(answer(text_of(1), reply_of({single("a", std::int64_t{1}), marker()})));
    EXPECT_FALSE(answer(text_of(1), reply_of({ResultSet{}, marker()})));
    EXPECT_TRUE(answer(text_of(1), reply_of({marker()})));
    EXPECT_FALSE(prepared_.switched_off());
}

TEST_F(PreparedTexts, IsGivenUpWhereTheTextItselfIsAnswered) {
    prepare(text_of(1), 7);
    prepared_.compare(prepared_.batch_for(text_of(1)), reply_of({marker()}), "server");
    EXPECT_TRUE(prepared_.switched_off());
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(prepared_.batch_for(text_of(1)).form, Form::text);
    prepared_.forget_connection();
    EXPECT_TRUE(prepared_.switched_off()) << "another connection is no other server";
}

TEST_F(PreparedTexts, ATextThatIsNotAnsweredEitherIsForgottenAlone) {
    prepare(text_of(1), 7);
    prepare(text_of(2), 8);
    prepared_.compare(prepared_.batch_for(text_of(1)), reply_of({}), "server");
    EXPECT_EQ(sql_of(text_of(2)), "EXEC sp_execute 8");
    EXPECT_EQ(prepared_.batch_for(text_of(1)).form, Form::text);
    EXPECT_TRUE(sql_of(text_of(1)).starts_with("EXEC sp_unprepare 7;\nDECLARE @h int;\nEXEC sp_prepare "));
}

TEST_F(PreparedTexts, ANewConnectionBeginsAnew) {
    prepare(text_of(1), 7);
    prepared_.forget_connection();
    EXPECT_EQ(prepared_.batch_for(text_of(1)).form, Form::text);
    EXPECT_EQ(prepared_.batch_for(text_of(1)).form, Form::prepare);
}

TEST_F(PreparedTexts, TheOneThatWasUsedLongestAgoIsGivenBack) {
    const int most = static_cast<int>(max_prepared_texts);
    for (int i = 1; i <= most; ++i)
        prepare(text_of(i), i);
    EXPECT_EQ(sql_of(text_of(1)), "EXEC sp_execute 1");
    EXPECT_EQ(prepared_.batch_for(text_of(99)).form, Form::text);
    EXPECT_TRUE(sql_of(text_of(99)).starts_with("EXEC sp_unprepare 2;\nDECLARE ")) << sql_of(text_of(99)).substr(0, 99);
    EXPECT_EQ(sql_of(text_of(1)), "EXEC sp_execute 1");
    EXPECT_EQ(prepared_.batch_for(text_of(2)).form, Form::text);
}

TEST_F(PreparedTexts, ABreakWhileSomethingIsNewIsHeldAgainstIt) {
    prepared_.batch_for(text_of(1));
    prepared_.note_break(prepared_.batch_for(text_of(1)), CutOff::none);
    EXPECT_TRUE(prepared_.broke_connection());
    EXPECT_TRUE(prepared_.switched_off());

    prepared_ = {};
    prepare(text_of(1), 7);
    prepared_.note_break(prepared_.batch_for(text_of(1)), CutOff::none);
    EXPECT_TRUE(prepared_.switched_off()) << "executed for the first time";

    prepared_ = {};
    prepare(text_of(1), 7);
    EXPECT_TRUE(answer(text_of(1), reply_of({marker()})));
    prepared_.note_break(prepared_.batch_for(text_of(1)), CutOff::none);
    EXPECT_TRUE(prepared_.broke_connection());
    EXPECT_FALSE(prepared_.switched_off()) << "it worked before";
    prepared_.forget_connection();
    EXPECT_FALSE(prepared_.broke_connection());

    prepare(text_of(1), 7);
    prepared_.note_break(prepared_.batch_for(text_of(1)), CutOff::deadline);
    EXPECT_FALSE(prepared_.broke_connection()) << "what we cut off ourselves is not asked again";
}

}  // namespace
}  // namespace vitals::prober
